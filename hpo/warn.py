"""Warnings that point at the user's line, however many functions lie between."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

BETWEEN = ("hpo", "sklearn", "joblib")  # packages whose functions stand between the user's line and ours


def warn(message: str) -> None:
    """Warn at the innermost line that is in none of these packages."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
