"""Warnings that point at the user's line, however many functions lie between, and one that is no news."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

BETWEEN = ("hpo", "sklearn", "joblib")  # packages whose functions stand between the user's line and ours


def warn(message: str) -> None:
    """Warn at the innermost line that is in none of these packages."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


@contextmanager
def replaced_workers_unsaid() -> Iterator[None]:
    """Keep joblib from warning that a worker process "stopped while some jobs were given".

    It replaces a worker that has grown by 300 MB since its first task, as one does that loads torch or a big
    table, and nothing is lost. A worker that dies is an error and no warning.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
        yield
