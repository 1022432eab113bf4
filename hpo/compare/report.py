"""The report: one HTML page that needs nothing else, and the same tables in Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from hpo.compare import figures
from hpo.compare.comparison import Comparison
from hpo.compare.headline import headline
from hpo.compare.statistics import FEWEST, Interval, interval
from hpo.compare.summary import (
    TaskSummary,
    number,
    p_value,
    rank,
    summarise,
    with_interval,
)
from hpo.plots import CONFIG, literal


@dataclass(frozen=True)
class Table:
    """A table of the report: what it is, its header and its rows, all text."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Panel:
    """A figure with its title and a sentence on how to read it."""

    title: str
    reading: str
    figure: Markup


@dataclass(frozen=True)
class Section:
    """Everything on one task."""

    name: str
    panels: Sequence[Panel]
    tables: Sequence[Table]


def write_report(comparison: Comparison, path: Path) -> Path:
    """Write `path` (HTML) and the Markdown beside it; returns `path`."""
    if path.suffix == ".md":
        raise ValueError(
            f"path={str(path)!r}: must be that of the page, such as report.html; the tables go beside it"
        )
    if not comparison.cells:
        raise ValueError("comparison: holds no finished run yet; there is nothing to report")
    context = _context(comparison)
    environment = Environment(
        loader=PackageLoader("hpo.compare", ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markdown"] = _markdown
    path.parent.mkdir(parents=True, exist_ok=True)
    plotly = Markup(get_plotlyjs())
    html = environment.overlay(autoescape=True).get_template("report.html.j2")
    path.write_text(html.render(plotlyjs=plotly, **context), encoding="utf-8")
    markdown = environment.get_template("report.md.j2")
    tables = path.with_name(f"{path.name.removesuffix('.html')}.md")
    tables.write_text(markdown.render(**context), encoding="utf-8")
    return path


def _context(comparison: Comparison) -> dict[str, Any]:
    done = {cell["task"] for cell in comparison.cells}
    summaries = [summarise(comparison, task) for task in comparison.tasks if task in done]
    plan = comparison.plan
    n_planned = len(plan["cells"])
    return {
        "answers": [headline(s, plan["n_trials"]) for s in summaries],
        "colours": figures.colours(comparison.searchers),
        "n_missing": n_planned - len(comparison.cells),
        "n_planned": n_planned,
        "too_few": any(s.n_seeds < FEWEST for s in summaries),
        "plan": plan,
        "baseline": comparison.baseline,
        "ranking": _ranking(summaries),
        "sections": [_section(s, i) for i, s in enumerate(summaries)],
        "environment": _environment(comparison),
    }


def _section(summary: TaskSummary, i: int) -> Section:
    has_noise_free = any(
        trial["noise_free"] is not None
        for group in summary.groups.values()
        for cell in group.cells
        if cell is not None
        for trial in cell["trials"]
    )
    tables = [
        _final(summary),
        _paired(summary),
        *_every_pair(summary),
        *_tests(summary),
        _times(summary),
        _winners(summary, has_noise_free),
    ]
    return Section(summary.name, _panels(summary, f"task{i}"), tables)


def _panels(summary: TaskSummary, slug: str) -> list[Panel]:
    groups, metric = summary.groups, literal(summary.metric)
    better = "less is better" if summary.turn > 0 else "more is better"
    means = {name: summary.difference(name) for name in summary.pairs}
    seeds = {name: summary.per_seed(name) for name in summary.pairs}
    title = f"difference from {literal(summary.baseline)}: {metric}"
    drawn = [
        ("Best so far, by trials",
         f"Mean over seeds with its 95% interval; {better}. The first trials may lie beyond the axis.",
         figures.against_trials(groups, metric)),
        ("Best so far, by time", "The same against the time spent training and searching.",
         figures.against_time(groups, metric)),
        ("Where each run ended", f"One dot a seed, with quartiles; {better}.",
         figures.final_distribution(groups, metric)),
        (f"Compared with {summary.baseline}, seed by seed",
         f"Diamond: mean difference with its 95% interval; ticks: single seeds; {better}.",
         figures.differences(means, seeds, title, list(groups))),
        ("Time spent training", "Mean of one run with its 95% interval.",
         figures.time_spent(groups, "training")),
        ("Time spent searching", "Mind the scale: not that of training.",
         figures.time_spent(groups, "searching")),
    ]  # fmt: skip
    return [
        Panel(name, reading, _embedded(figure, f"{slug}-{j}"))
        for j, (name, reading, figure) in enumerate(drawn)
        if figure.data
    ]


def _final(summary: TaskSummary) -> Table:
    rows = []
    for name in summary.order:
        values = summary.groups[name].final
        known = values[~np.isnan(values)]
        ends = np.sort(summary.turn * known) * summary.turn if len(known) else [math.nan]
        rows.append(
            [name, with_interval(summary.final[name]), number(ends[0]), number(ends[-1]), str(len(known))]
        )
    header = ["searcher", "mean [95% interval]", "best", "worst", "seeds"]
    return Table(f"Final {summary.metric}", header, rows)


def _paired(summary: TaskSummary) -> Table:
    rows = []
    for name in (n for n in summary.order if n in summary.pairs):
        pair = summary.pairs[name]
        percent = "–"
        if pair.relative is not None:
            low, high = sorted((summary.turn * pair.relative.low, summary.turn * pair.relative.high))
            percent = f"{summary.turn * pair.relative.mean:+.1f}% [{low:+.1f}%, {high:+.1f}%]"
            if math.isnan(low):
                percent = f"{summary.turn * pair.relative.mean:+.1f}%"
        rows.append(
            [name, with_interval(summary.difference(name), "+.4g"), percent, p_value(pair.p_value),
             p_value(summary.p_corrected[name]), f"{100 * pair.superiority:.0f}%" if pair.n else "–",
             str(pair.n)]
        )  # fmt: skip
    header = ["searcher", "mean difference [95% interval]", "in percent", "Wilcoxon p", "p after Holm",
              "probability of superiority", "pairs"]  # fmt: skip
    return Table(f"Compared with {summary.baseline}, paired by seed", header, rows)


def _every_pair(summary: TaskSummary) -> list[Table]:
    """Mean of row minus column, for whoever asks about a pair without the baseline."""
    names = summary.order
    if len(names) < 3:
        return []
    final = {name: summary.groups[name].final for name in names}
    rows = [
        [a, *("–" if a == b else with_interval(interval(final[a] - final[b]), "+.3g") for b in names)]
        for a in names
    ]
    caption = f"Every pair: mean difference in {summary.metric} [95% interval], row minus column"
    return [Table(caption, ["", *names], rows)]


def _times(summary: TaskSummary) -> Table:
    rows = []
    for name, group in summary.groups.items():
        training, searching = interval(group.training[:, -1]), interval(group.searching[:, -1])
        failed = group.failed[~np.isnan(group.failed)]
        refits = [cell["test_seconds"] for cell in group.cells if cell is not None and cell["test"]]
        rows.append(
            [name, with_interval(training, ".3g"), with_interval(searching, ".3g"),
             f"{1000 * interval(group.searching[:, -1] / group.made).mean:.3g}",
             with_interval(interval(np.array(refits)), ".3g") if refits else "–",
             f"{failed.mean():.3g}" if len(failed) else "–"]
        )  # fmt: skip
    header = ["searcher", "training (s a run)", "searching (s a run)", "searching (ms a trial)",
              "refit and test (s a run)", "failed trials a run"]  # fmt: skip
    return Table("Time spent, mean [95% interval]", header, rows)


def _winners(summary: TaskSummary, has_noise_free: bool) -> Table:
    rows = [
        [w.searcher, number(w.value), f"{w.seed} / {w.number}", _params(w.params),
         ", ".join(f"{name} {number(score)}" for name, score in w.test.items()) or "–"]
        for w in summary.winners
    ]  # fmt: skip
    seen = ", as observed" if has_noise_free else ""
    header = ["searcher", f"{summary.metric}{seen}", "seed / trial", "configuration", "on the test set"]
    return Table("Winning configuration of each searcher's best run", header, rows)


def _tests(summary: TaskSummary) -> list[Table]:
    names = sorted({name for group in summary.groups.values() for name in group.test})
    cells = [cell for group in summary.groups.values() for cell in group.cells if cell is not None]
    failures = [cell["test_failure"] for cell in cells if cell["test_failure"]]
    if not names and not failures:
        return []
    rows = [
        [s, *(with_interval(interval(summary.groups[s].test[n])) if n in summary.groups[s].test else "–"
              for n in names)]
        for s in summary.order
    ]  # fmt: skip
    caption = "The untouched test set: each run's winner, refitted; mean [95% interval]"
    if failures:
        caption += f" ({len(failures)} could not be tested; the first: {failures[0]})"
    return [Table(caption, ["searcher", *names], rows)]


def _ranking(summaries: Sequence[TaskSummary]) -> dict[str, Any] | None:
    found = rank(summaries)
    if found is None:
        return None
    rows = sorted(zip(found.mean, found.low, found.high, found.names))
    table = Table(
        f"Mean rank over {found.n_tasks} tasks",
        ["searcher", "mean rank [95% interval over tasks]"],
        [[name, with_interval(Interval(*(float(x) for x in row)), ".2f")] for *row, name in rows],
    )
    figure = figures.ranks(found.names, found.mean, found.low, found.high)
    reading = f"1 is best; the interval is a bootstrap over tasks, from {FEWEST} tasks on."
    if not math.isnan(found.p_value):
        reading += f" Friedman's test that all rank alike: p = {p_value(found.p_value)}."
    return {"table": table, "panel": Panel("Over all tasks", reading, _embedded(figure, "ranks"))}


def _environment(comparison: Comparison) -> Table:
    """Versions and machine; several values where cells were run in several environments."""
    seen: dict[str, list[str]] = {}
    for cell in comparison.cells:
        for name, value in cell["environment"].items():
            if value not in seen.setdefault(name, []):
                seen[name].append(value)
    return Table("Versions and machine", ["what", "which"], [[k, "; ".join(v)] for k, v in seen.items()])


def _embedded(figure: go.Figure, identity: str) -> Markup:
    html = figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG, div_id=identity)
    return Markup(html)  # plotly escapes its own JSON; names went through `literal`


def _params(params: Mapping[str, Any]) -> str:
    shown: Callable[[Any], str] = lambda v: f"{v:.4g}" if isinstance(v, float) else str(v)  # noqa: E731
    return ", ".join(f"{name} = {shown(value)}" for name, value in params.items())


def _markdown(text: Any) -> str:
    """`text` so that Markdown shows it as it stands, in a table cell too."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$&])", r"\\\1", str(text)).replace("\n", " ")
