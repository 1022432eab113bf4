"""The inside of a worker process: one objective, one trial after the other."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hpo.execution.live import LiveTrial
from hpo.execution.outcome import Adapted, evaluate
from hpo.execution.payload import ObjectiveError, loaded, loaded_trial, unreadable
from hpo.execution.reports import ReportFile, of_trial
from hpo.trial import Params

READY = "ready"  # said when the objective is loaded and trials may come


@dataclass(frozen=True)
class Setup:
    """What a worker needs to know.

    Attributes
    ----------
    objective : str
        Path of its bytes; what trials report is noted in the same folder.
    memory : int or None
        Bytes that a trial may take beyond the loaded objective.
    """

    objective: str
    memory: int | None


def serve(connection: Connection[Any, Any]) -> None:
    """Evaluate what comes over the connection until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup: Setup = connection.recv()
    try:
        objective = loaded(Path(setup.objective).read_bytes())
    except ObjectiveError as error:
        connection.send(error)
        return
    if setup.memory is not None:
        objective = _limited(objective, setup.memory)
    connection.send(READY)
    while True:
        try:
            live = loaded_trial(connection.recv())
        except EOFError:
            return
        except ObjectiveError as error:
            connection.send(unreadable(error))
            continue
        report_file = ReportFile(of_trial(Path(setup.objective).parent, live.number))
        live.on_report = report_file.add
        outcome = evaluate(objective, live)
        report_file.close()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # an objective may have closed it
                stream.flush()
        connection.send(outcome)


def _limited(objective: Adapted, memory: int) -> Adapted:
    """The objective, allowed `memory` more bytes of address space than this process has now.

    It alone: to tell how it failed takes memory, too, and it may have left none. Limits of the place, such
    as those of a cluster's jobs, stay: they cannot be raised.
    """
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        pages = 0
    before = resource.getrlimit(resource.RLIMIT_AS)
    others = [bound for bound in before if bound != resource.RLIM_INFINITY]
    limit = min([pages * os.sysconf("SC_PAGE_SIZE") + memory, *others])
    if limit >= sys.maxsize:  # is no limit, and no number that the kernel takes
        return objective
    within = limit, before[1]

    def limited(params: Params, live: LiveTrial) -> Any:
        resource.setrlimit(resource.RLIMIT_AS, within)
        try:
            return objective(params, live)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)

    return limited
