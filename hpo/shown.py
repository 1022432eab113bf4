"""Whether progress is shown already, so that a search within a trial does not show its own."""

from __future__ import annotations

import os
from contextvars import ContextVar

WORKER = "HPO_WORKER"  # set in a worker process, and so in what threads and processes its trials start
_is_shown = ContextVar("_is_shown", default=False)


def is_shown() -> bool:
    """Whether what runs here is part of what someone shows."""
    return _is_shown.get() or WORKER in os.environ


class ShownElsewhere:
    """Context manager: what this thread runs within is part of what someone shows, in any process."""

    def __enter__(self) -> None:
        self._token = _is_shown.set(True)

    def __exit__(self, *exc: object) -> None:
        _is_shown.reset(self._token)
