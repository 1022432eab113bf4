"""``python -m benchmarks ablations``: which choices of the GP searcher pay, on five suites at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

import click
import numpy as np

import hpo
from benchmarks import forest_plot
from benchmarks.forest_plot import Marks, Panel
from benchmarks.markdown import shown, table
from benchmarks.options import folder_of, jobs_option, labels_of, said_plainly
from benchmarks.suites.collection import accidents, functions, misscaled
from benchmarks.suites.problem import Problem, task
from benchmarks.suites.regret import Regrets, random_regret, regrets
from benchmarks.suites.tables import tables
from benchmarks.suites.tuning import N_OF_EACH, tuning
from hpo.compare.statistics import Interval
from hpo.gp.features import Features
from hpo.gp.kernels import Array
from hpo.gp.regression import Prior
from hpo.plots import BLUE, ORANGE

MARKS = (20, 30, 50, 100)
COLOURS = (ORANGE, BLUE)  # of the first mark and the last
DEFAULT = "default"


class OwnLengths(hpo.GPSearcher):
    """Each length scale on its own, with nothing in common."""

    prior: ClassVar[Prior] = Prior(length_sd=0.0, length_spread=1.2)


class OneLength(hpo.GPSearcher):
    """Nearly one length scale for all parameters."""

    prior: ClassVar[Prior] = Prior(length_spread=0.2)


class FreeLength(hpo.GPSearcher):
    """What length scales have in common less sure: sd 2 of its logarithm, not 1."""

    prior: ClassVar[Prior] = Prior(length_sd=2.0)


class LongLengths(hpo.GPSearcher):
    """Longer length scales: mean 0.8 of their logarithm, not 0.3."""

    prior: ClassVar[Prior] = Prior(length_mean=0.8)


class MoreNoise(hpo.GPSearcher):
    """More noise expected: mean -5 of the logarithm of its variance, not -7."""

    prior: ClassVar[Prior] = Prior(noise_mean=-5.0)


class NoDoubt(hpo.GPSearcher):
    """Bad outcomes believed as much as good ones."""

    prior: ClassVar[Prior] = Prior(doubtful_mean=float(np.log(1e-8)), doubtful_sd=0.01)


class WholeRange(hpo.GPSearcher):
    """First points from whole ranges, not their middles."""

    initial_width: ClassVar[float] = 1.0


class NoInflation(hpo.GPSearcher):
    """The sd of the fit as it is, however many length scales were fitted."""

    max_inflation: ClassVar[float] = 1.0


class NoSurprise(hpo.GPSearcher):
    """The sd is inflated by the number of parameters alone, whether or not predictions came true."""

    @classmethod
    def inflation(cls, n_parameters: int, surprise: float, few_matter: bool = False) -> float:
        return super().inflation(n_parameters, 1.0, few_matter)


class FitAlone(hpo.GPSearcher):
    """Expected improvement by the fitted length scales alone, though few of many parameters matter."""

    @classmethod
    def few_matter(cls, n_parameters: int, share: float) -> bool:
        return False


class _AllActive(Features):
    def most_active(self, X: Array) -> int:
        return len(self.columns)


class InactiveCounted(hpo.GPSearcher):
    """The sd is inflated by the number of all parameters, not by that of one configuration."""

    @classmethod
    def features(cls, space: hpo.Space) -> Features:
        return _AllActive(space.n_cells, space.is_categorical, space.is_conditional, space.alike)


class NoCounts(hpo.GPSearcher):
    """Where several parameters offer the same choices, nothing says how often each occurs."""

    @classmethod
    def features(cls, space: hpo.Space) -> Features:
        return replace(super().features(space), alike=())


class NoOffsets(hpo.GPSearcher):
    """Where several parameters offer the same choices, all of these differ alike."""

    prior: ClassVar[Prior] = Prior(offset_spread=0.01)


class AsGiven(hpo.GPSearcher):
    """Every range on the scale that it is given."""

    prior: ClassVar[Prior] = Prior(scale_log_odds=1e9)


class SurerScales(hpo.GPSearcher):
    """Another scale only where the evidence is overwhelming: 5 nats, not 2.5."""

    prior: ClassVar[Prior] = Prior(scale_log_odds=5.0)


class FreerScales(hpo.GPSearcher):
    """Another scale at 1 nat."""

    prior: ClassVar[Prior] = Prior(scale_log_odds=1.0)


class Beside(hpo.GPSearcher):
    """Points beside earlier ones allowed, where the noise does not tell them apart."""

    apart: ClassVar[float] = 0.0


class QuietOnly(hpo.GPSearcher):
    """Every fit begins at little noise, none at much."""

    prior: ClassVar[Prior] = Prior(noise_if_noisy=Prior().noise_mean)


SUITES: dict[str, Callable[[], Mapping[str, Problem]]] = {
    "tables": tables,
    "functions": functions,
    "misscaled": misscaled,
    "accidents": accidents,
    "drawn": partial(tuning, first=N_OF_EACH),  # the first of each shape are kept from all choices
}
TITLES = {
    "misscaled": "functions with half of their ranges on a wrong scale",
    "accidents": "functions with accidents or a cliff",
    "drawn": "problems drawn in seven shapes",
}
VARIANTS = {
    DEFAULT: hpo.GPSearcher(),
    "raw outputs": hpo.GPSearcher(warp="raw"),
    "3 initial points": hpo.GPSearcher(n_initial=3),
    "10 initial points": hpo.GPSearcher(n_initial=10),
    "each length scale on its own": OwnLengths(),
    "nearly one length scale for all": OneLength(),
    "the common length scale less sure": FreeLength(),
    "longer length scales": LongLengths(),
    "the sd as it is, in all dimensions": NoInflation(),
    "the sd inflated whether or not predictions came true": NoSurprise(),
    "the sd inflated by inactive parameters as well": InactiveCounted(),
    "the fitted length scales alone": FitAlone(),
    "choices of alike parameters not counted": NoCounts(),
    "all choices of alike parameters differ alike": NoOffsets(),
    "ranges on the scale given": AsGiven(),
    "another scale from 5 nats on": SurerScales(),
    "another scale from 1 nat on": FreerScales(),
    "points beside earlier ones allowed": Beside(),
    "bad outcomes believed like good ones": NoDoubt(),
    "first points from whole ranges": WholeRange(),
    "no fit that begins at much noise": QuietOnly(),
    "more noise expected": MoreNoise(),
}


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=10, show_default=True)
@click.option("--first-seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--trials", type=click.IntRange(20), default=100, show_default=True)
@click.option("--suites", default=",".join(SUITES), show_default=True, help="Which of them, comma-separated.")
@click.option("--variant", "parts", multiple=True, help="Part of the name of one to run; all by default.")
@click.option("--out", default="results/ablations", show_default=True, help="Finished runs are not repeated.")
@jobs_option
def command(
    seeds: int,
    first_seed: int,
    trials: int,
    suites: str,
    parts: tuple[str, ...],
    out: str,
    jobs: int | None,
) -> None:
    """Every variant of the GP searcher on every suite; writes ablations.md and ablations.svg."""
    chosen = labels_of(suites, SUITES, "--suites")
    if unknown := [part for part in parts if not part.strip() or not any(part in n for n in VARIANTS)]:
        raise click.BadParameter(f"--variant {unknown[0]!r}: must be part of one of {', '.join(VARIANTS)}")
    variants = {n: v for n, v in VARIANTS.items() if n == DEFAULT or not parts or any(p in n for p in parts)}
    folder, sections, panels = folder_of(out), [], []
    for name in chosen:
        problems = SUITES[name]()
        with said_plainly():
            comparison = hpo.compare(
                {key: task(problem) for key, problem in problems.items()}, variants, n_trials=trials,
                repeats=seeds, seed=first_seed, n_initial=0, out=folder / name, n_jobs=jobs, baseline=DEFAULT,
            )  # fmt: skip
            random = random_regret(problems, trials, folder / name / "random", jobs)
            result = regrets(comparison, problems, random)
        title = f"{len(problems)} {TITLES.get(name, name)}, {seeds} paired seeds from {first_seed} on"
        sections.append(f"## {title}\n\n{as_markdown(result)}")
        panels.append(_panel(f"{len(problems)} {TITLES.get(name, name)}", result))
    (folder / "ablations.md").write_text("\n".join(sections), encoding="utf-8")
    click.echo("\n".join(sections))
    if len(variants) > 1:
        (folder / "ablations.svg").write_text(forest_plot.as_svg(panels, 30), encoding="utf-8")
        click.echo(f"figure: {folder / 'ablations.svg'}")


def as_markdown(result: Regrets) -> str:
    """Geometric mean of the regret by variant and mark, and the ratio to the default with its interval."""
    marks, compared = result.marks(MARKS), _ends(result)
    header = ["", *(f"{m} trials" for m in marks), *(f"ratio at {m}" for m in compared)]
    rows = []
    for i, name in enumerate(result.searchers):
        means = [f"{result.geometric_mean(m)[0][i]:.3f}" for m in marks]
        ratios = ["–" if name == DEFAULT else shown(*result.ratio(m, name, DEFAULT)) for m in compared]
        rows.append([name, *means, *ratios])
    return table(header, rows) + "\n"


def _panel(title: str, result: Regrets) -> Panel:
    """Ratio of each variant to the default; 1 where it does as well."""
    kinds = []
    for colour, mark in zip(COLOURS, _ends(result)):
        ratios = {n: result.ratio(mark, n, DEFAULT).tolist() for n in result.searchers if n != DEFAULT}
        estimates = {name: Interval(*ratio) for name, ratio in ratios.items()}
        kinds.append(Marks(colour, estimates, label=f"ratio to the default after {mark} trials"))
    return Panel(title, kinds, log=True, line=1.0)


def _ends(result: Regrets) -> list[int]:
    """The first mark and the last."""
    marks = result.marks(MARKS)
    return list(dict.fromkeys((marks[0], marks[-1])))
