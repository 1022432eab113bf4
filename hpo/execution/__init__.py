"""Where objectives run: in this process, in worker processes, or on any executor.

`outcome` is one evaluation, `runners` the interface and the plain case, `workers` the processes of
our own, `executors` everything that has ``submit``.
"""

from hpo.execution.outcome import LiveTrial, Objective, Outcome, TrialPruned, checked_value, evaluate
from hpo.execution.runners import Runner, make_runner

__all__ = [
    "LiveTrial",
    "Objective",
    "Outcome",
    "Runner",
    "TrialPruned",
    "checked_value",
    "evaluate",
    "make_runner",
]
