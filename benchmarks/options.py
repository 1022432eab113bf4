"""What the commands of the benchmarks share: options, and errors that need no traceback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click


def _checked_jobs(context: click.Context, option: click.Parameter, jobs: int | None) -> int | None:
    if jobs is not None and jobs != -1 and jobs < 1:
        raise click.BadParameter(f"{jobs}: must be a whole number from 1 up, or -1 for one a core")
    return jobs


jobs_option = click.option(
    "--jobs", type=int, default=None, callback=_checked_jobs, help="Runs at a time; one a core by default."
)


def labels_of(given: str, known: Iterable[str], option: str) -> list[str]:
    """Comma-separated labels, each one of the known and there once."""
    labels, allowed = _split(given), list(known)
    for label in labels:
        if label not in allowed:
            raise click.BadParameter(f"{option} {label!r}: must be one of {', '.join(allowed)}")
        if labels.count(label) > 1:
            raise click.BadParameter(f"{option} {given!r}: names {label} twice")
    if not labels:
        raise click.BadParameter(f"{option} {given!r}: must name at least one of {', '.join(allowed)}")
    return labels


def names_with(given: str | None, known: Iterable[str], option: str) -> list[str]:
    """Known names that have one of the comma-separated parts in them; all where no part is given."""
    names = list(known)
    if given is None:
        return names
    parts = _split(given)
    for part in parts:
        if not any(part in name for name in names):
            raise click.BadParameter(f"{option} {part!r}: must be part of one of {', '.join(names)}")
    if not parts:
        raise click.BadParameter(f"{option} {given!r}: must be a part of at least one of {', '.join(names)}")
    return [name for name in names if any(part in name for part in parts)]


def folder_of(out: str, option: str = "--out") -> Path:
    """A folder for results, made if it is not there."""
    if not out:  # which would be the working directory
        raise click.BadParameter(f"{option} {out!r}: must be a folder that is there or can be made")
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.BadParameter(
            f"{option} {out!r}: must be a folder that is there or can be made ({error.strerror})"
        ) from error
    return folder


@contextmanager
def said_plainly() -> Iterator[None]:
    """What is wrong with values and files, or which runs failed, is a message of the command's."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error


def _split(given: str) -> list[str]:
    return [part for part in (text.strip() for text in given.split(",")) if part]
