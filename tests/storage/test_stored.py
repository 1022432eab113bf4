"""The command shows and exports stored studies as they stand, and leaves them so."""

import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import hpo
from hpo.cli import main
from hpo.storage import StorageError
from hpo.stored import StoredStudy
from tests.storage.test_store import RICH


def command(*arguments):
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["storage", *map(str, arguments)])


@pytest.fixture
def file(tmp_path):
    """Three trials of a study with constraints and with choices that are not stored, the last one running."""
    where = tmp_path / "runs.db"
    space = hpo.Space(RICH, constraints=[lambda params: True])
    study = hpo.Study(space, direction="maximize", searcher="random", seed=3, storage=where, name="rich")
    study.tell(study.ask(), 0.25)
    study.tell(study.ask(), state="failed", reason="too hot")
    study.ask()
    return where


def test_a_study_is_shown_with_its_best_configuration(file):
    shown = command("show", file)
    assert shown.exit_code == 0, shown.output
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in shown.output.splitlines() if "│" in line
    ]
    best = StoredStudy(file).best_params
    assert rows == [
        ["searcher", "RandomSearcher, to maximize, seed 3"],
        ["trials", "1 complete, 1 failed, 1 running"],
        ["latest failure", "trial 1, exception: too hot"],
        ["best value", "0.25, of trial 0"],
        *([name, repr(value)] for name, value in best.items()),
    ]
    assert best["size"] in {"<Size.SMALL: 1>", "<Size.LARGE: 2>"}
    hpo.Study({"x": hpo.Float(0, 1)}, storage=file, name="empty")
    assert "none" in command("show", file, "empty").output


def test_what_a_terminal_takes_for_orders_is_shown_escaped(tmp_path):
    study = hpo.Study({"x\x1b[2J": hpo.Float(0, 1)}, searcher="random", storage=tmp_path / "runs.db")
    study.tell(study.ask(), state="failed", reason="10%\r100% \x1b[31mred\x9b0m\x07\x00\nits\tend")
    study.tell(study.ask(), 0.5)
    shown = command("show", tmp_path / "runs.db").output
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines()]
    assert ["latest failure", r"trial 0, exception: 10%\r100% \x1b[31mred\x9b0m\x07\x00"] in rows
    assert any(row[:1] == [""] and row[1].split() == ["its", "end"] for row in rows)
    assert r"x\x1b[2J" in [name for name, *_ in filter(None, rows)]
    assert len(set(map(len, shown.splitlines()))) == 1  # the table has straight sides


def test_a_name_is_shown_as_it_stands_in_every_place(tmp_path):
    name = "a :x: [red]b[/red]"
    hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=tmp_path / "runs.db", name=name)
    for verb in ("list", "show"):
        assert name in command(verb, tmp_path / "runs.db").output


def test_trials_are_exported_a_row_each_and_never_over_a_file(file, tmp_path):
    table = tmp_path / "trials.csv"
    assert command("export", file, table).exit_code == 0
    frame = pd.read_csv(table)
    assert frame["state"].tolist() == ["complete", "failed", "running"]
    assert frame["value"][0] == 0.25
    assert frame["reason"][1] == "too hot"
    assert set(frame) >= {f"params_{name}" for name in RICH}
    written = table.read_bytes()
    assert "File exists" in command("export", file, table).output
    assert table.read_bytes() == written
    for impossible in (tmp_path / "nowhere" / "trials.csv", table / "trials.csv", tmp_path / (300 * "n")):
        refused = command("export", file, impossible)
        assert f"TABLE='{impossible}': " in refused.output
        assert refused.exit_code == 1


def test_a_compression_whose_library_is_missing_is_named(file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    refused = command("export", file, tmp_path / "trials.csv.zst")
    assert refused.output.startswith(f"Error: TABLE='{tmp_path / 'trials.csv.zst'}': ")
    assert "zstandard" in refused.output


def test_half_a_table_that_a_full_disk_leaves_is_removed(file, tmp_path):
    table = tmp_path / "trials.csv"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, before[1]))
    try:
        refused = command("export", file, table)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "File too large" in refused.output
    assert not table.exists()
    assert command("export", file, table).exit_code == 0


def test_a_table_that_is_interrupted_is_removed_and_one_that_was_there_is_not(file, tmp_path, monkeypatch):
    table, there = tmp_path / "trials.csv", tmp_path / "there.csv"
    there.write_text("ours")
    to_csv = pd.DataFrame.to_csv

    def interrupted(*given, **options):
        to_csv(*given, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_csv", interrupted)
    assert "Aborted" in command("export", file, table).output
    assert not table.exists()
    assert "File exists" in command("export", file, there).output
    assert there.read_text() == "ours"


def test_a_carriage_return_ends_no_row_of_an_exported_table(tmp_path):
    study = hpo.Study({"x": hpo.Float(0, 1)}, searcher="random", storage=tmp_path / "runs.db")
    study.tell(study.ask(), state="failed", reason="10%\r100%")
    study.tell(study.ask(), 0.5)
    table = tmp_path / "trials.csv"
    assert command("export", tmp_path / "runs.db", table).exit_code == 0
    frame = pd.read_csv(table)
    assert frame["number"].tolist() == [0, 1]
    assert frame["reason"][0] == "10%\r100%"
    assert table.read_text().splitlines()[1].startswith("0,failed,,")  # a number that is missing is no text


def test_text_that_no_file_can_hold_is_exported_escaped(tmp_path):
    study = hpo.Study({"folder": ["data\udcff", "é"]}, searcher="grid", storage=tmp_path / "runs.db")
    for folder in ("data\udcff", "é"):
        study.add_trial({"folder": folder}, 1.0)
    study.tell(study.enqueue({"folder": "é"}), state="failed", reason=FileNotFoundError("data\udcff"))
    table = tmp_path / "trials.csv"
    assert command("export", tmp_path / "runs.db", table).exit_code == 0
    frame = pd.read_csv(table, encoding="utf-8")
    assert frame["params_folder"].tolist() == ["data\\udcff", "é", "é"]
    assert frame["reason"][2] == "FileNotFoundError: data\\udcff"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("verb", ["list", "show"])
def test_a_table_that_cannot_be_printed_is_an_error_in_a_line(file, verb):
    with open("/dev/full", "w") as full:
        arguments = [sys.executable, "-m", "hpo", "storage", verb, file]
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "Error: could not be printed (No space left on device)\n")


def test_looking_at_a_study_takes_no_part_in_it(file):
    before = file.read_bytes()
    assert StoredStudy(file).trials[2].state == "running"  # though nobody runs it
    assert command("list", file).exit_code == 0
    assert file.read_bytes() == before


def test_choices_that_are_called_the_same_are_told_apart(tmp_path):
    choices = [lambda x: x, lambda x: -x, [1, 2], "[1, 2]", [1, 2, 3]]
    study = hpo.Study({"f": hpo.Categorical(choices)}, searcher="random", storage=tmp_path / "runs.db")
    for choice in choices:
        study.add_trial({"f": choice}, 0.0)
    seen = [trial.params["f"] for trial in StoredStudy(tmp_path / "runs.db").trials]
    a_lambda = f"{__name__}.test_choices_that_are_called_the_same_are_told_apart.<locals>.<lambda>"
    assert seen == [a_lambda, f"{a_lambda} (2)", "[1, 2] (2)", "[1, 2]", "[1, 2, 3]"]


def test_choices_that_are_not_stored_are_called_as_they_are_written(tmp_path):
    choices = [
        [1, (2,), ()],
        [],
        {"a": [None, 0.5], 1: {}},
        {3},
        {"b", "a"},
        frozenset({(2, "x"), "b"}),
        set(),
    ]
    study = hpo.Study({"c": hpo.Categorical(choices)}, searcher="random", storage=tmp_path / "runs.db")
    for choice in choices:
        study.add_trial({"c": choice}, 0.0)
    seen = [trial.params["c"] for trial in StoredStudy(tmp_path / "runs.db").trials]
    alone = [repr(choice) for choice in choices]
    assert seen == [*alone[:4], "{'a', 'b'}", "frozenset({'b', (2, 'x')})", "set()"]


@pytest.mark.parametrize("verb", ["show", "export"])
def test_what_is_not_there_is_said(file, verb, tmp_path):
    rest = [tmp_path / "new.csv"] if verb == "export" else []
    for arguments, message in [
        ((verb, tmp_path / "none.db", *rest), "there is no such file"),
        ((verb, file, *rest, "other"), "holds 'rich'"),
    ]:
        refused = command(*arguments)
        assert refused.exit_code == 1
        assert message in refused.output
    with pytest.raises(StorageError, match="holds 'rich'"):
        StoredStudy(file, "other")
