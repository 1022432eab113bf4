"""Same seeds, same budget, same first points; kept, resumed, refused when changed."""

import copy
import errno
import functools
import json
import math
import operator
import os
import platform
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import hpo
from hpo.compare import Comparison
from hpo.compare.cell import environment, initial_design, write_json
from hpo.compare.experiment import _load
from hpo.compare.fingerprint import fingerprint, held
from hpo.compare.progress import CellProgress
from hpo.searchers.base import Searcher
from tests.compare.problems import (
    SPACE,
    Faulty,
    Near,
    Stubborn,
    deadly,
    growing,
    leaving_test,
    noisy,
    score,
    truth,
)

ROOT = Path(__file__).parents[2]
TASKS = {"toy": hpo.Task(noisy, SPACE, evaluate=truth, test=score)}
PAIR = {"wide": Near(), "tpe": Near(0.2)}


@dataclass(frozen=True)
class Shifted:
    by: float

    def loss(self, params):
        return truth(params) + self.by


@dataclass(frozen=True)
class Cached:
    by: float
    cache: float = field(repr=False)

    def loss(self, params):
        return truth(params) + self.by

    @classmethod
    def usual(cls, params):
        return cls(0, 0).loss(params)


@dataclass(frozen=True)
class Led(Near):
    by: Callable[..., float] = truth


class Plain:
    def __init__(self, by):
        self.by = by

    def loss(self, params):
        return truth(params) + self.by


def scaled(by):
    def loss(params, *, plus=0.0):
        return by * truth(params) + plus

    return loss


def run(out, **options):
    defaults = {"tasks": TASKS, "searchers": PAIR, "n_trials": 9, "repeats": 2, "n_jobs": 1}
    return hpo.compare(**(defaults | options), out=out)


def stamps(out):
    return {p: p.stat().st_mtime_ns for p in Path(out).glob("cells/**/*.json")}


def test_every_trial_is_a_row_and_the_first_points_are_shared(tmp_path):
    frame = run(tmp_path).dataframe()
    assert len(frame) == 2 * 2 * 9
    for seed, group in frame[frame.initial].groupby("seed"):
        by_searcher = [list(g.params) for _, g in group.groupby("searcher")]
        assert by_searcher[0] == by_searcher[1] == initial_design(SPACE, 3, seed)
    later = frame[~frame.initial & (frame.seed == 0)]
    assert list(later[later.searcher == "wide"].params) != list(later[later.searcher == "tpe"].params)
    complete = frame[frame.state == "complete"]
    assert np.allclose(complete.noise_free, [truth(p) for p in complete.params])
    assert (complete.seconds >= 0).all()


def test_of_a_trial_that_failed_it_is_kept_why_and_no_value(tmp_path):
    def objective(params, trial):
        if trial.number == 1:
            raise RuntimeError("too far")
        return truth(params)

    task = hpo.Task(objective, SPACE, evaluate=truth)
    frame = run(tmp_path, tasks={"toy": task}, searchers=["random"], repeats=1, n_trials=3).dataframe()
    assert frame.state.tolist() == ["complete", "failed", "complete"]
    assert (frame.noise_free.isna() == (frame.number == 1)).all()
    failed = frame.loc[1]
    assert failed.failure == "exception"
    assert failed.reason.startswith("RuntimeError: too far")


def test_a_run_is_the_search_that_a_study_with_its_seed_makes(tmp_path):
    found = run(tmp_path, tasks={"toy": hpo.Task(truth, SPACE)}, searchers=["random"], n_initial=0)
    for seed, group in found.dataframe().groupby("seed"):
        study = hpo.minimize(truth, SPACE, searcher="random", n_trials=9, seed=seed)
        assert list(group.params) == [trial.params for trial in study.trials]


def test_workers_and_this_process_find_the_same(tmp_path):
    alone = run(tmp_path / "one").dataframe()
    workers = run(tmp_path / "two", n_jobs=2).dataframe()
    columns = ["task", "searcher", "seed", "number", "params", "value", "noise_free"]
    assert alone[columns].equals(workers[columns])


@pytest.mark.parametrize("value", [None, np.nan, "0.5"])
def test_an_evaluation_that_is_no_number_costs_one_value(tmp_path, value):
    def objective(params):
        with (tmp_path / "made").open("a") as file:
            file.write("x")
        if (tmp_path / "made").stat().st_size == 1:
            raise RuntimeError("no evaluation is asked for")
        return 1.0

    task = hpo.Task(objective, SPACE, evaluate=lambda params: value)
    message = f"evaluate=.*returned {value!r}; must be a finite number"
    with pytest.raises(RuntimeError, match=message):
        run(tmp_path / "out", tasks={"toy": task}, searchers=["random"], repeats=1)
    assert (tmp_path / "made").read_text() == "xx"


def test_a_relative_folder_is_that_of_the_caller(tmp_path, monkeypatch):
    for name in ("first", "second"):  # the second time with workers that began in the first folder
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert len(run("results", n_jobs=2).cells) == 4
        assert len(stamps(tmp_path / name / "results")) == 4


def test_finished_cells_are_not_run_again_and_more_can_be_added(tmp_path):
    run(tmp_path)
    before = stamps(tmp_path)
    grown = run(tmp_path, repeats=3, searchers=PAIR | {"third": Near(0.5)})
    assert len(grown.cells) == 9
    assert before.items() <= stamps(tmp_path).items()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"n_trials": 10}, "n_trials"),
        ({"searchers": {"wide": Near(0.9)}}, "searcher"),
        ({"n_initial": 1}, "n_initial"),
        ({"tasks": {"toy": hpo.Task(noisy, {"x": hpo.Float(0, 1)})}}, "space"),
        ({"tasks": {"toy": hpo.Task(truth, SPACE)}}, "objective"),
        ({"tasks": {"toy": hpo.Task(Shifted(2.0).loss, SPACE)}}, "objective"),
        ({"tasks": {"toy": hpo.Task(noisy, SPACE, evaluate=truth, test=lambda p, s, by=2: by)}}, "test"),
    ],
)
def test_a_changed_definition_is_refused(tmp_path, change, field):
    run(tmp_path)
    with pytest.raises(ValueError, match=f"(?s){field}=.*choose another `out`"):
        run(tmp_path, **change)


def seed_by_place(params, seed, /):
    return truth(params) + seed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"objective": None}, "objective=None: must be a function of params, or of params and trial"),
        ({"objective": lambda: 0.0}, "objective=.*: must take params, or params and trial, and no more"),
        ({"objective": seed_by_place}, "objective=.*: must take seed by its name"),
        ({"objective": lambda params, *seed: 0.0}, "objective=.*: must take seed by its name"),
        ({"evaluate": 3}, "evaluate=3: must be a function of params, or None"),
        ({"evaluate": score}, "evaluate=.*score.*: must be a function of params, or None"),
        ({"test": truth}, "test=.*truth.*: must be a function of params and seed, or None"),
    ],
)
def test_functions_that_cannot_be_called_are_refused_before_any_trial(fields, message):
    with pytest.raises(ValueError, match=message):
        hpo.Task(**{"objective": truth, "space": SPACE, **fields})


def seed_beside_trial(params, trial, seed):
    return truth(params) + seed + (trial.number < 0)


def seed_by_name(params, *, seed):
    return truth(params) + seed


def seed_and_trial_by_name(params, *, seed, trial):
    return truth(params) + seed + (trial.number < 0)


@pytest.mark.parametrize("objective", [seed_beside_trial, seed_by_name, seed_and_trial_by_name])
def test_an_objective_is_given_the_seed_wherever_it_has_a_parameter_for_it(tmp_path, objective):
    task = hpo.Task(objective, SPACE, evaluate=truth)
    frame = run(tmp_path, tasks={"toy": task}, n_trials=2).dataframe()
    assert set(frame.state) == {"complete"}
    assert np.allclose(frame.value - frame.noise_free, frame.seed)


def test_what_a_method_a_sampler_or_a_constraint_holds_is_part_of_the_definition():
    samplers = pytest.importorskip("optuna").samplers

    def above(limit):
        return hpo.Space(SPACE.parameters, constraints=[eval(f"lambda p: p['x'] > {limit}")])

    for one, other in [
        (Shifted(1.0).loss, Shifted(2.0).loss),
        (Plain(1.0).loss, Plain(2.0).loss),
        (
            hpo.OptunaSearcher(samplers.TPESampler(n_startup_trials=2)),
            hpo.OptunaSearcher(samplers.TPESampler()),
        ),
    ]:
        assert fingerprint(one) == fingerprint(copy.deepcopy(one))
        assert fingerprint(one) != fingerprint(other)
    one, other = (hpo.Task(truth, above(limit)).definition() for limit in (0.1, 0.9))
    assert {key for key in one if one[key] != other[key]} == {"space"}
    assert one == hpo.Task(truth, above(0.1)).definition()


def test_an_objective_that_says_nothing_of_its_parameters_is_given_params(tmp_path):
    frame = run(tmp_path, tasks={"toy": hpo.Task(operator.itemgetter("x"), SPACE)}).dataframe()
    assert frame.value.tolist() == [params["x"] for params in frame.params]


@pytest.mark.parametrize("part", ["objective", "evaluate", "test", "constraint"])
def test_what_a_function_has_from_around_it_is_watched(tmp_path, part):
    def tasks(by):
        if part == "test":
            return {"toy": hpo.Task(truth, SPACE, test=lambda params, seed: scaled(by)(params))}
        if part == "constraint":
            small = [lambda params: scaled(by)(params) < 1e9]
            return {"toy": hpo.Task(truth, hpo.Space(SPACE.parameters, constraints=small))}
        return {"toy": hpo.Task(**{"objective": truth, "space": SPACE, part: scaled(by)})}

    options = {"searchers": ["random"], "repeats": 1}
    run(tmp_path, tasks=tasks(1), **options)
    run(tmp_path, tasks=tasks(1), **options)
    with pytest.raises(ValueError, match=rf"{part}s?_holds=.*by=2.* had .*by=1"):
        run(tmp_path, tasks=tasks(2), **options)
    # What was kept before these were watched does not tell them: it is used as it was.
    (file,) = stamps(tmp_path)
    record = json.loads(file.read_text())
    record["definition"] = {k: v for k, v in record["definition"].items() if not k.endswith("_holds")}
    file.write_text(json.dumps(record))
    run(tmp_path, tasks=tasks(2), **options)


def test_what_a_searcher_holds_is_watched(tmp_path):
    run(tmp_path, searchers={"led": Led(by=scaled(1))}, repeats=1)
    run(tmp_path, searchers={"led": Led(by=scaled(1))}, repeats=1)
    with pytest.raises(ValueError, match=r"searcher_holds=.*by=2.* had .*by=1"):
        run(tmp_path, searchers={"led": Led(by=scaled(2))}, repeats=1)


def test_another_version_of_a_searchers_library_is_refused(tmp_path):
    pytest.importorskip("optuna")
    options = {"searchers": ["tpe", "random"], "repeats": 1}
    run(tmp_path, **options)
    (file,) = (p for p in stamps(tmp_path) if "tpe" in p.parts)
    record = json.loads(file.read_text())
    assert record["environment"]["optuna"] == version("optuna")
    record["environment"] |= {"optuna": "1.0", "numpy": "1.0"}
    file.write_text(json.dumps(record))
    run(tmp_path, **options | {"searchers": ["random"]})
    with pytest.raises(ValueError, match=rf"optuna='{version('optuna')}': the finished run of .* had '1\.0'"):
        run(tmp_path, **options)
    del record["environment"]["optuna"]  # as that of another library was not written down once
    file.write_text(json.dumps(record))
    run(tmp_path, **options)


def test_versions_of_what_a_searcher_is_made_of_are_kept(tmp_path):
    class Mine(Near):
        libraries = ("click", "no such thing")

    (cell,) = run(tmp_path, searchers={"mine": Mine()}, repeats=1).cells
    assert cell["environment"]["click"] == version("click")
    assert cell["environment"]["no such thing"] == "not installed"
    assert cell["environment"]["cores"] == str(os.cpu_count())
    samplers = pytest.importorskip("optuna").samplers
    for sampler, libraries in [
        (None, ("optuna",)),
        (samplers.TPESampler(), ("optuna",)),
        (samplers.CmaEsSampler(), ("optuna", "cmaes")),
    ]:
        assert hpo.OptunaSearcher(sampler).libraries == libraries


@pytest.mark.filterwarnings("ignore")
def test_every_option_of_a_sampler_is_watched():
    samplers = pytest.importorskip("optuna").samplers
    for cls, options in [
        (samplers.TPESampler, {"prior_weight": 2.0}),
        (samplers.TPESampler, {"gamma": lambda n: 3}),
        (samplers.CmaEsSampler, {"x0": {"x": 1.0}}),
        (samplers.NSGAIISampler, {"crossover": samplers.nsgaii.SBXCrossover()}),
    ]:
        one, other = hpo.OptunaSearcher(cls()), hpo.OptunaSearcher(cls(**options))
        assert held(one) == held(copy.deepcopy(one))
        assert held(one) != held(other)


def test_what_is_held_is_told_whatever_it_is_and_data_are_not():
    def cycle(n):
        return cycle(n - 1) if n else data

    data = np.zeros((3, 2))
    assert held(cycle).endswith("cycle(cycle=function, data=ndarray(3, 2))")
    assert held(list(range(101))) == "list of 101"
    assert held([0] * 100).startswith("(0, 0, 0, ")
    assert held({"b", "a"}) == "{'a', 'b'}"
    assert held(functools.partial(scaled(2), plus=1)).endswith(
        "loss(plus=0.0, by=2), args=(), keywords=dict(plus=1))"
    )
    assert held(Plain([1, Plain(2)]).loss) == "Plain.loss of Plain(by=(1, Plain(by=2)))"
    deep = 1
    for _ in range(20):
        deep = [deep]
    assert held(deep) == "((((((list))))))"

    cached = Cached(1, 2)
    assert held(cached) == "Cached(by=1)"
    assert fingerprint(cached.loss) == "Cached.loss of Cached(by=1)"
    assert [fingerprint(f) for f in (math.sqrt, Cached.usual)] == ["sqrt", "Cached.usual"]

    def unfilled():
        return later

    assert held(unfilled).endswith("unfilled")
    later = 1
    assert held(unfilled).endswith("unfilled(later=1)")


def test_another_sampler_of_optuna_is_not_called_tpe():
    samplers = pytest.importorskip("optuna").samplers
    names = [hpo.OptunaSearcher(s).name for s in (None, samplers.TPESampler(), samplers.RandomSampler())]
    assert names == ["tpe", "tpe", "optuna-random"]


def test_a_searcher_without_a_name_is_called_the_same_in_every_process(tmp_path):
    class Nameless(Searcher):
        def suggest(self, space, history, rng):
            return hpo.Suggestion(space.decode(space.sample(1, rng))[0])

    labels = [run(tmp_path, searchers=[Nameless()], repeats=1).searchers for _ in range(2)]
    assert labels[0] == labels[1]
    assert "0x" not in labels[0][0]
    assert len(stamps(tmp_path)) == 1


def test_two_comparisons_in_one_folder_are_each_returned_their_own(tmp_path):
    def meanwhile(params):
        if not (tmp_path / "begun").exists():
            (tmp_path / "begun").touch()
            run(tmp_path / "out", searchers={"other": Near()}, repeats=1)
        return truth(params)

    tasks = {"toy": hpo.Task(meanwhile, SPACE)}
    found = run(tmp_path / "out", tasks=tasks, searchers={"wide": Near()}, repeats=2)
    assert found.searchers == ["wide"]
    assert [cell["seed"] for cell in found.cells] == [0, 1]
    assert Comparison.load(tmp_path / "out").searchers == ["other"]


def test_a_record_that_does_not_fit_on_the_disk_leaves_the_old_one_and_no_part(tmp_path, monkeypatch):
    write_json(tmp_path / "0.json", {"kept": 1})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(tmp_path / "0.json", {"new": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["0.json"]
    assert json.loads((tmp_path / "0.json").read_text()) == {"kept": 1}


def test_what_is_sent_to_the_disk_is_the_whole_record(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    write_json(tmp_path / "0.json", {"kept": 1})
    assert sizes == [(tmp_path / "0.json").stat().st_size] != [0]


@pytest.mark.parametrize(
    ("lines", "processor"),
    [
        ("vendor: A\nmodel name\t: A: fast one \nmodel name: B\n", "A: fast one"),
        ("Features: fp\n", "x86"),
        (None, "x86"),
    ],
)
def test_the_processor_is_named_where_the_system_tells_it(monkeypatch, lines, processor):
    class Told:
        def __init__(self, path):
            assert path == "/proc/cpuinfo"

        def read_text(self):
            if lines is None:
                raise FileNotFoundError
            return lines

    monkeypatch.setattr("hpo.compare.cell.Path", Told)
    monkeypatch.setattr(platform, "processor", lambda: "x86")
    assert environment(Near())["processor"] == processor
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert environment(Near())["processor"] == (processor if processor != "x86" else "unknown")


def test_a_damaged_cell_is_named(tmp_path):
    run(tmp_path)
    victim = next(iter(stamps(tmp_path)))
    for text in (victim.read_text()[:50], "", "[]", "{}", '{"definition": [], "environment": {}}'):
        victim.write_text(text)
        with pytest.raises(ValueError, match=rf"{victim.name}: damaged"):
            run(tmp_path)


@pytest.mark.parametrize("name", ["comparison.json", "0.json"])
@pytest.mark.parametrize("text", [b'{"tasks": ', b"\xff"])
def test_a_damaged_file_is_named_when_it_is_loaded(tmp_path, name, text):
    run(tmp_path, repeats=1)
    victim = next(tmp_path.rglob(name))
    victim.write_bytes(text)
    with pytest.raises(ValueError, match=rf"{name}: damaged"):
        Comparison.load(tmp_path)


def test_a_broken_searcher_does_not_take_the_others_with_it(tmp_path):
    with pytest.raises(RuntimeError, match=r"2 of 4 cells failed.*faulty.*ZeroDivisionError"):
        run(tmp_path, searchers={"wide": Near(), "faulty": Faulty()})
    assert len(Comparison.load(tmp_path).cells) == 2


def test_a_cell_whose_worker_dies_does_not_take_the_others_with_it(tmp_path, shown):
    tasks = {"deadly": hpo.Task(deadly, SPACE), "toy": TASKS["toy"]}
    with pytest.raises(
        RuntimeError, match=r"2 of 12 cells failed.*: deadly / .* / seed 1: its worker process"
    ):
        run(tmp_path, tasks=tasks, repeats=3, n_jobs=2)
    assert len(Comparison.load(tmp_path).cells) == 10
    assert [n_done for n_done, _ in shown] == list(range(13))
    assert len({label for _, label in shown}) == 13  # each once, whatever was tried once more


def test_cells_that_are_called_the_same_are_told_apart_where_a_worker_dies(tmp_path):
    tasks = {"a / b": TASKS["toy"], "a": hpo.Task(deadly, SPACE)}
    with pytest.raises(RuntimeError, match="2 of 8 cells failed"):
        run(tmp_path, tasks=tasks, searchers={"c": Near(), "b / c": Near(0.2)}, n_jobs=2)


def test_workers_that_die_before_they_begin_anything_are_an_error(tmp_path, monkeypatch):
    def parallel(jobs):
        raise BrokenExecutor("no worker could begin")

    monkeypatch.setattr("joblib.Parallel", lambda **_: parallel)
    with pytest.raises(BrokenExecutor, match="no worker could begin"):
        run(tmp_path)


def test_the_bar_counts_what_was_finished_before(tmp_path, shown):
    run(tmp_path, repeats=1)
    assert shown == [(0, ""), (1, "toy / wide / seed 0"), (2, "toy / tpe / seed 0")]
    shown.clear()
    run(tmp_path, searchers={"wide": Near()})
    assert shown == [(1, ""), (2, "toy / wide / seed 1")]


@pytest.fixture
def shown(monkeypatch):
    """What the bar of a comparison begins with, and what it shows."""
    found = []

    class Watched(CellProgress):
        def __init__(self, enabled, total, before):
            super().__init__(enabled, total, before)
            found.append((before, ""))

        def update(self, n_done, last):
            found.append((n_done, last))

    monkeypatch.setattr("hpo.compare.experiment.CellProgress", Watched)
    return found


def test_there_is_a_worker_for_each_core_where_nothing_else_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    tasks = {"toy": hpo.Task(lambda params: os.getpid(), SPACE)}
    assert os.getpid() not in set(run(tmp_path / "many", tasks=tasks, n_jobs=None).dataframe().value)
    assert {os.getpid()} == set(run(tmp_path / "one", tasks=tasks, n_jobs=1).dataframe().value)


def test_a_library_that_a_run_loads_later_has_one_thread_in_its_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    tasks = {"toy": hpo.Task(lambda params: float(os.environ["OMP_NUM_THREADS"]), SPACE)}
    assert set(run(tmp_path, tasks=tasks, n_jobs=2).dataframe().value) == {1.0}


def test_nothing_of_a_comparison_is_held_when_it_is_over(tmp_path):
    run(tmp_path)
    assert _load.cache_info().currsize == 0


def test_what_cannot_be_sent_is_named(tmp_path):
    lock = threading.Lock()
    task = hpo.Task(lambda params: params["x"] if lock.locked() else 0.0, SPACE)
    with pytest.raises(
        ValueError, match=r"tasks=.*'held'.*cannot be sent to worker processes.*Open files, locks"
    ):
        run(tmp_path, tasks={"held": task})


def test_nothing_is_sent_where_all_is_finished(tmp_path):
    class Opened:
        lock = None

        def loss(self, params):
            return truth(params)

        def __repr__(self):
            return "Opened()"

    opened = Opened()
    tasks = {"toy": hpo.Task(opened.loss, SPACE)}
    before = run(tmp_path, tasks=tasks).dataframe()
    opened.lock = threading.Lock()
    assert run(tmp_path, tasks=tasks).dataframe().equals(before)


def test_what_leaves_the_process_fails_where_it_was_called(tmp_path):
    found = run(tmp_path, tasks={"toy": hpo.Task(truth, SPACE, test=leaving_test)}, repeats=1)
    assert {cell["test_failure"] for cell in found.cells} == {"SystemExit: no test set"}
    with pytest.raises(RuntimeError, match=r"2 of 2 cells failed.*SystemExit: 4"):
        run(tmp_path / "b", tasks={"toy": hpo.Task(truth, SPACE, evaluate=lambda _: sys.exit(4))}, repeats=1)


@pytest.mark.parametrize(
    ("scores", "kept"), [(math.nan, {}), ({"loss": 0.5, "auc": np.float32("inf")}, {"loss": 0.5})]
)
def test_a_test_score_that_is_not_finite_is_said_to_be_none(tmp_path, scores, kept):
    task = hpo.Task(truth, SPACE, test=lambda params, seed: scores if seed else 0.25)
    found = run(tmp_path, tasks={"toy": task}, searchers=["random"])
    assert [cell["test"] for cell in found.cells] == [{"score": 0.25}, kept]
    assert found.cells[0]["test_failure"] is None
    assert "must be finite numbers" in found.cells[1]["test_failure"]
    assert "1 could not be tested" in found.report(tmp_path / "it.html").with_suffix(".md").read_text()


def test_first_points_are_independent_draws_not_the_first_of_an_order():
    space = hpo.Space({"n": hpo.Int(0, 9)})
    drawn = {params["n"] for seed in range(20) for params in initial_design(space, 2, seed)}
    assert len(drawn) > 6


def test_first_points_are_the_same_in_every_version_as_runs_that_are_kept_have_them():
    space = hpo.Space({"n": hpo.Int(0, 999)})
    assert initial_design(space, 3, 1) == [{"n": 561}, {"n": 168}, {"n": 182}]


@pytest.mark.parametrize(
    ("n_trials", "asked", "n_initial"), [(36, None, 10), (8, None, 2), (2, None, 0), (4, 4, 4), (4, 1, 1)]
)
def test_the_first_points_are_ten_or_a_third_of_the_trials_or_as_many_as_asked(
    tmp_path, n_trials, asked, n_initial
):
    task = hpo.Task(truth, SPACE)
    found = run(tmp_path, tasks={"toy": task}, searchers=["random"], n_trials=n_trials, n_initial=asked)
    assert found.plan["n_initial"] == n_initial
    assert found.dataframe().groupby("seed").initial.sum().tolist() == [n_initial] * 2


def test_every_searcher_is_run_with_a_seed_before_any_is_with_the_next(tmp_path):
    found = run(tmp_path, n_trials=1)
    in_time = sorted(found.cells, key=lambda cell: cell["finished"])
    assert [(cell["seed"], cell["searcher"]) for cell in in_time] == [
        (0, "wide"), (0, "tpe"), (1, "wide"), (1, "tpe"),
    ]  # fmt: skip


def blas_threads(params):
    return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")


def test_a_run_has_one_blas_thread_in_this_process_too(tmp_path):
    task = hpo.Task(blas_threads, SPACE, test=lambda params, seed: blas_threads(params))
    with threadpool_limits(2):
        assert blas_threads({}) == 2
        found = run(tmp_path, tasks={"toy": task}, searchers=["random"], n_trials=2, repeats=1)
        assert blas_threads({}) == 2
    assert found.dataframe().value.tolist() == [1, 1]
    assert found.cells[0]["test"] == {"score": 1}
    assert 0 < found.cells[0]["test_seconds"] < 60


def test_there_are_as_many_first_points_as_are_asked_for_where_the_space_has_hardly_more():
    space = hpo.Space({"n": hpo.Int(1, 10)})
    assert [len(initial_design(space, 8, seed)) for seed in range(20)] == [8] * 20
    two = hpo.Space({"n": hpo.Int(1, 2)})
    assert [len(initial_design(two, 2, seed)) for seed in range(400)] == [2] * 400


def test_only_as_many_trials_are_shared_as_the_space_has_points(tmp_path):
    task = hpo.Task(lambda params: float(params["n"]), {"n": hpo.Int(1, 2)})
    frame = run(tmp_path, tasks={"small": task}, n_trials=6, n_initial=4).dataframe()
    assert (frame.initial == (frame.number < 2)).all()


def test_a_cell_that_was_interrupted_is_not_kept(tmp_path):
    interrupted = []

    def once(params):
        if not interrupted:
            interrupted.append(True)
            signal.raise_signal(signal.SIGINT)
        return truth(params)

    tasks = {"toy": hpo.Task(once, SPACE)}
    # A shell's background is born ignoring it.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, tasks=tasks)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert not stamps(tmp_path)


def test_what_an_evaluation_makes_of_a_choice_stays_out_of_the_study(tmp_path):
    def evaluate(params):
        params["layers"].append(9)
        return float(len(params["layers"]))

    space = {"layers": hpo.Categorical([[1], [2, 3]])}
    task = hpo.Task(loss_of_layers, space, evaluate=evaluate, test=lambda params, _: loss_of_layers(params))
    (cell,) = run(tmp_path, tasks={"toy": task}, searchers=["grid"], repeats=1).cells
    assert sorted(trial["params"]["layers"] for trial in cell["trials"]) == [[1], [2, 3]]
    assert cell["test"] == {"score": 1.0}


def loss_of_layers(params):
    return float(len(params["layers"]))


def test_choices_with_keys_that_json_has_not_are_kept_as_they_read(tmp_path):
    choices = [{0: 1.5}, {(1, "a"): 2}, ({"name": [{None: 3}]}, 4), {"alpha": {"beta": 5}}]
    task = hpo.Task(lambda params: 0.5, {"weight": hpo.Categorical(choices)})
    frame = run(tmp_path, tasks={"toy": task}, searchers=["grid"], repeats=1).dataframe()
    kept = {str(params["weight"]) for params in frame.params}
    assert kept == {
        "{0: 1.5}",
        "{(1, 'a'): 2}",
        "[{'name': ['{None: 3}']}, 4]",
        "{'alpha': {'beta': 5}}",
    }


def test_names_that_make_the_same_file_name_are_kept_apart(tmp_path):
    names = ["a b", "a/b", "a-b", "..", ".", 300 * "n", 300 * "n" + "m"]
    run(tmp_path, tasks=dict.fromkeys(names, TASKS["toy"]), repeats=1)
    assert len(stamps(tmp_path)) == 14
    assert len(list((tmp_path / "cells").iterdir())) == 7


def test_grid_gets_no_first_points_and_may_end_early(tmp_path):
    frame = run(tmp_path, searchers={"grid": Stubborn(), "wide": Near()}).dataframe()
    grid = frame[frame.searcher == "grid"]
    assert len(grid) == 2 * 4
    assert not grid.initial.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": {}}, "tasks="),
        ({"tasks": {"toy": noisy}}, "tasks="),
        ({"n_trials": 0}, "n_trials=0"),
        ({"repeats": 1.5}, "repeats=1.5"),
        ({"searchers": [Near(), Near(0.1)]}, "each under a name of its own"),
        ({"searchers": {"GP": Near(), "gp": Near(0.1)}}, "each under a name of its own"),
        ({"tasks": dict.fromkeys(["Toy", "toy"], TASKS["toy"])}, "'Toy', 'toy'.*: names must not differ"),
        ({"searchers": ["annealing"]}, "searcher='annealing'"),
        ({"searchers": "random"}, "searchers='random': must be a list"),
        ({"searchers": None}, "searchers=None"),
        ({"searchers": {"random"}}, "searchers={'random'}: must be a list"),
        ({"searchers": {"": Near(), "tpe": Near(0.1)}}, "each under a name of its own"),
        ({"baseline": ["tpe"]}, r"baseline=\['tpe'\]: must be one of the searchers, wide, tpe"),
        ({"baseline": "gpp"}, "baseline='gpp': must be one of the searchers, wide, tpe"),
        ({"seed": -1}, "seed=-1"),
        ({"n_initial": -1}, "n_initial=-1"),
        ({"n_initial": 10}, "n_initial=10: must not be above n_trials=9"),
        ({"progress": "no"}, "progress='no'"),
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"n_jobs": "2"}, "n_jobs='2'"),
        ({"tasks": {1: TASKS["toy"]}}, "the name 1 must be a non-empty string"),
    ],
)
def test_bad_arguments_are_named(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        run(tmp_path, **options)
    assert not stamps(tmp_path)


@pytest.mark.parametrize("wrong", [{"direction": "up"}, {"metric": None}, {"unit": 3}, {"test": "accuracy"}])
def test_bad_fields_of_a_task_are_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name}={wrong[name]!r}"):
        hpo.Task(noisy, SPACE, **wrong)


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ValueError, match=r"out=.*is a file"):
        run(tmp_path / "taken")
    with pytest.raises(ValueError, match="out='/proc/zz': must be the path of a folder that can be made"):
        run("/proc/zz")
    with pytest.raises(ValueError, match="n_jobs=-5: must be a whole number from 1 up, -1 for"):
        run(tmp_path / "jobs", n_jobs=-5)
    with pytest.raises(ValueError, match="out=None"):
        run(None)


@pytest.mark.parametrize("wrong", [None, 3, ""])
def test_what_is_no_path_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=f"out={wrong!r}: must be the path of a folder"):
        Comparison.load(wrong)
    with pytest.raises(ValueError, match=f"path={wrong!r}: must be the path of the page, such as"):
        Comparison({"tasks": {}, "searchers": [], "cells": []}, []).report(wrong)


@pytest.mark.parametrize(
    ("labels", "asked", "baseline"),
    [(["a", "tpe", "b"], None, "tpe"), (["b", "a"], None, "b"), (["a", "tpe", "b"], "b", "b")],
)
def test_the_baseline_is_who_is_asked_for_or_tpe_or_the_first(tmp_path, labels, asked, baseline):
    searchers = dict.fromkeys(labels, Near())
    found = run(tmp_path, searchers=searchers, baseline=asked, repeats=1, n_trials=1)
    assert found.baseline == baseline


def test_a_comparison_is_shown_in_a_line():
    plan = {"tasks": {"toy": {}}, "searchers": ["wide", "tpe"], "cells": ["one", "other"]}
    found = Comparison(plan, [{"trials": list(range(1000))}])
    assert repr(found) == "<Comparison of wide, tpe on toy: 1 of 2 runs finished>"


def test_loading_where_there_is_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"comparison\.json"):
        Comparison.load(tmp_path)


SCRIPT = """
    import signal, sys, time
    import hpo
    from tests.compare.problems import Near

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background is born ignoring it

    def slow(params):                      # defined in __main__, and no guard around the call
        time.sleep(0.05)
        return params["x"] ** 2

    hpo.compare({"toy": hpo.Task(slow, {"x": hpo.Float(-1, 1)})}, {"a": Near(), "b": Near(0.2)},
                n_trials=6, repeats=int(sys.argv[2]), out=sys.argv[1], n_jobs=2)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_leaves_nothing_of_its_tasks_behind(tmp_path, number):
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "script.py", "out", "100"], start_new_session=True, cwd=tmp_path, env=env
    )
    try:
        while not list(tmp_path.glob("hpo-*/begun-*")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)  # to none of its workers
        assert process.wait(60) == -number
        end = time.monotonic() + 30
        while list(tmp_path.glob("hpo-*/*.pkl")) and time.monotonic() < end:
            time.sleep(0.05)
        assert not list(tmp_path.glob("hpo-*/*.pkl"))
    finally:
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_keeps_whole_cells_and_goes_on(tmp_path, number):
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, "script.py", "out", "8"]
    where = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, start_new_session=True, **where)
    deadline = time.monotonic() + 60
    while len(stamps(tmp_path / "out")) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, number)
    assert process.wait(30) != 0
    kept = stamps(tmp_path / "out")
    assert 3 <= len(kept) < 16
    assert all(len(json.loads(p.read_text())["trials"]) == 6 for p in kept)
    subprocess.run(command, check=True, timeout=60, **where)
    after = stamps(tmp_path / "out")
    assert len(after) == 16
    assert kept.items() <= after.items()


def test_a_worker_that_joblib_replaces_for_its_size_is_no_news(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        comparison = hpo.compare(
            {"toy": hpo.Task(growing, SPACE, evaluate=truth)}, PAIR, n_trials=2, repeats=3, n_jobs=2,
            out=tmp_path, progress=False,
        )  # fmt: skip
    assert len(comparison.cells) == 6
    assert [str(w.message) for w in caught if "worker" in str(w.message)] == []


def test_a_searcher_whose_library_is_missing_is_refused_before_anything_is_run(tmp_path, monkeypatch):
    def version_without_optuna(package):
        if package == "optuna":
            raise PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr("hpo.compare.cell.version", version_without_optuna)
    called = []
    task = hpo.Task(lambda params: called.append(params) or 0.0, SPACE)
    with pytest.raises(ImportError, match="searcher 'base' needs optuna: pip install optuna"):
        hpo.compare(
            {"toy": task}, {"mine": Near(), "base": "tpe"}, n_trials=4, repeats=1, out=tmp_path, n_jobs=1
        )
    assert called == []
    assert list(tmp_path.iterdir()) == []
