"""The report: one HTML page that needs nothing else, and the same tables in Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from hpo.axes import short
from hpo.compare import figures
from hpo.compare.digits import column, counted, number, p_is, p_value
from hpo.compare.headline import headline, listed, overall
from hpo.compare.records import Records
from hpo.compare.statistics import FEWEST, Interval, difference, interval
from hpo.compare.summary import Ranking, TaskSummary, rank, summarise
from hpo.plots import CONFIG

NOTHING = Interval(math.nan, math.nan, math.nan)
LONGEST = 300  # characters of an error's message, which may be a traceback of pages


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
    answer: str
    panels: Sequence[Panel]
    tables: Sequence[Table]


def write_report(comparison: Records, path: Path) -> Path:
    """Write `path` (HTML) and the Markdown beside it; returns `path`."""
    _check_path(path)
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
    environment.filters["counted"] = counted
    plotly = Markup(get_plotlyjs())
    html = environment.overlay(autoescape=True).get_template("report.html.j2")
    path.write_text(html.render(plotlyjs=plotly, **context), encoding="utf-8", errors="backslashreplace")
    markdown = environment.get_template("report.md.j2")
    tables = path.with_name(f"{path.name.removesuffix('.html')}.md")
    tables.write_text(markdown.render(**context), encoding="utf-8", errors="backslashreplace")
    return path


def _check_path(path: Path) -> None:
    """Make the folder of the page; raises ValueError where a page cannot be there."""
    # A name such as v1.2 has a dot in it, not the suffix of another kind of file.
    if path.suffix[1:].isalpha() and path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(
            f"path={str(path)!r}: must be that of the page, such as report.html; the tables go beside it"
        )
    if path.is_dir():
        raise ValueError(f"path={str(path)!r}: is a folder; must be that of the page, such as report.html")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"path={str(path)!r}: must be in a folder that is there or can be made ({error.strerror})"
        ) from None


def _context(comparison: Records) -> dict[str, Any]:
    done = {cell["task"] for cell in comparison.cells}
    summaries = [summarise(comparison, task) for task in comparison.tasks if task in done]
    plan, ranking = comparison.plan, rank(summaries)
    sections = [_section(s, i, plan["n_trials"]) for i, s in enumerate(summaries)]
    n_planned = len(plan["cells"])
    return {
        "answers": [s.answer for s in sections] if ranking is None else [overall(ranking)],
        "colours": figures.colours(comparison.searchers),
        "n_missing": n_planned - len(comparison.cells),
        "n_planned": n_planned,
        "too_few": any(s.n_seeds < FEWEST for s in summaries),
        "plan": plan,
        "sharers": _sharers(comparison),
        "baseline": comparison.baseline,
        "ranking": None if ranking is None else _ranking(ranking, len(summaries)),
        "sections": sections,
        "environment": _environment(comparison),
    }


def _sharers(comparison: Records) -> str:
    """Who begins a seed with the same points, in words; empty where there are no two of them."""
    begun = {cell["searcher"]: cell["trials"][0]["initial"] for cell in comparison.cells if cell["trials"]}
    if sum(begun.values()) < 2:
        return ""
    others = [name for name in comparison.searchers if not begun.get(name, True)]
    return "all searchers" + (f" but {listed(others)}" if others else "")


def _section(summary: TaskSummary, i: int, n_trials: int) -> Section:
    has_noise_free = any(
        trial["noise_free"] is not None
        for group in summary.groups.values()
        for cell in group.cells
        if cell is not None
        for trial in cell["trials"]
    )
    tables = [
        _final(summary),
        *([_paired(summary)] if summary.pairs else []),
        *_every_pair(summary),
        *_tests(summary),
        _times(summary),
        _winners(summary, has_noise_free),
    ]
    return Section(summary.name, headline(summary, n_trials), _panels(summary, f"task{i}"), tables)


def _panels(summary: TaskSummary, slug: str) -> list[Panel]:
    groups, metric = summary.groups, summary.metric
    better = "less is better" if summary.turn > 0 else "more is better"
    means = {name: summary.difference(name) for name in summary.pairs}
    seeds = {name: summary.per_seed(name) for name in summary.pairs}
    title = f"difference from {summary.baseline}: {metric}"
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
        if not figures.is_empty(figure)
    ]


def _final(summary: TaskSummary) -> Table:
    finals = [summary.groups[name].final for name in summary.order]
    known = [np.sort(summary.turn * final[~np.isnan(final)]) * summary.turn for final in finals]
    columns = [
        column([summary.final[name] for name in summary.order]),
        column([float(values[0]) if len(values) else math.nan for values in known]),
        column([float(values[-1]) if len(values) else math.nan for values in known]),
        [str(len(values)) for values in known],
    ]
    header = ["searcher", "mean [95% interval]", "best", "worst", "seeds"]
    return _table(f"Final {summary.metric}", header, summary.order, columns)


def _paired(summary: TaskSummary) -> Table:
    names = [name for name in summary.order if name in summary.pairs]
    pairs = [summary.pairs[name] for name in names]
    columns = [
        column([summary.difference(name) for name in names], signed=True),
        column([summary.relative(name) for name in names], 2, decimals=1, signed=True, unit="%"),
        [p_value(pair.p_value) for pair in pairs],
        [p_value(summary.p_corrected[name]) for name in names],
        [f"{100 * pair.superiority:.0f}%" if pair.n else "–" for pair in pairs],
        [str(pair.n) for pair in pairs],
    ]
    header = ["searcher", "mean difference [95% interval]", "in percent", "Wilcoxon p", "p after Holm",
              "probability of superiority", "pairs"]  # fmt: skip
    return _table(f"Compared with {summary.baseline}, paired by seed", header, names, columns)


def _every_pair(summary: TaskSummary) -> list[Table]:
    """Mean of row minus column, for whoever asks about a pair without the baseline."""
    names = summary.order
    if len(names) < 3:
        return []
    final = [summary.groups[name].final for name in names]
    columns = [
        column([NOTHING if a is b else difference(a, b) for a in final], 3, signed=True) for b in final
    ]
    caption = f"Every pair: mean difference in {summary.metric} [95% interval], row minus column"
    return [_table(caption, ["", *names], names, columns)]


def _times(summary: TaskSummary) -> Table:
    groups = summary.groups.values()
    cells = [[cell for cell in group.cells if cell is not None and cell["test"]] for group in groups]
    refits = [np.array([cell["test_seconds"] for cell in tested], dtype=float) for tested in cells]
    columns = [
        column([interval(group.training[:, -1]) for group in groups], 3),
        column([interval(group.searching[:, -1]) for group in groups], 3),
        column([1000 * interval(group.searching[:, -1] / group.made).mean for group in groups], 3),
        column([interval(seconds) for seconds in refits], 3),
        column([interval(group.failed).mean for group in groups], 3),
    ]
    header = ["searcher", "training (s a run)", "searching (s a run)", "searching (ms a trial)",
              "refit and test (s a run)", "failed trials a run"]  # fmt: skip
    return _table("Time spent, mean [95% interval]", header, list(summary.groups), columns)


def _winners(summary: TaskSummary, has_noise_free: bool) -> Table:
    winners = summary.winners
    columns = [
        column([w.value for w in winners]),
        [f"{w.seed} / {w.number}" for w in winners],
        [_params(w.params) for w in winners],
        [", ".join(f"{name} {number(score)}" for name, score in w.test.items()) or "–" for w in winners],
    ]
    seen = ", as observed" if has_noise_free else ""
    header = ["searcher", f"{summary.metric}{seen}", "seed / trial", "configuration", "on the test set"]
    caption = "Winning configuration of each searcher's best run"
    return _table(caption, header, [w.searcher for w in winners], columns)


def _tests(summary: TaskSummary) -> list[Table]:
    groups = [summary.groups[name] for name in summary.order]
    names = sorted({name for group in groups for name in group.test})
    cells = [cell for group in groups for cell in group.cells if cell is not None]
    failures = [cell["test_failure"] for cell in cells if cell["test_failure"]]
    if not names and not failures:
        return []
    columns = [
        column([interval(group.test[name]) if name in group.test else NOTHING for group in groups])
        for name in names
    ]
    caption = "The untouched test set: each run's winner, refitted; mean [95% interval]"
    if failures:
        first = " ".join(failures[0].split())[:LONGEST]
        caption += f" ({len(failures)} could not be tested; the first: {first})"
    return [_table(caption, ["searcher", *names], summary.order, columns)]


def _table(
    caption: str, header: Sequence[str], names: Sequence[str], columns: Sequence[Sequence[str]]
) -> Table:
    """Table with a row a searcher."""
    return Table(caption, header, [list(row) for row in zip(names, *columns)])


def _ranking(found: Ranking, n_tasks: int) -> dict[str, Any]:
    n_left_out = n_tasks - found.n_tasks
    left_out = f" (without {n_left_out} on which a searcher has no run yet)" if n_left_out else ""
    best, *others = found.order
    table = _table(
        f"Mean rank over {found.n_tasks} tasks{left_out}",
        ["searcher", "mean rank [95% interval over tasks]", f"ranks behind {best} [95% for all of them]"],
        found.order,
        [
            column([found.mean[name] for name in found.order], 3),
            ["–", *column([found.behind[name] for name in others], 3)],
        ],
    )
    figure = figures.ranks(found.mean)
    reading = f"1 is best, no value is last; the interval is a bootstrap over tasks, from {FEWEST} tasks on."
    if not math.isnan(found.p_value):
        reading += f" Friedman's test that all rank alike: {p_is(found.p_value)}."
    return {"table": table, "panel": Panel("Over all tasks", reading, _embedded(figure, "ranks"))}


def _environment(comparison: Records) -> Table:
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
    return ", ".join(f"{name} = {short(value)}" for name, value in params.items())


def _markdown(text: Any) -> str:
    """`text` so that Markdown shows it as it stands, in a table cell too."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$&])", r"\\\1", " ".join(str(text).splitlines()))
