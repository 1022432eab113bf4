"""Where objectives run: in this process, in worker processes, or on any executor.

`options` says how, `live` is a trial as its objective sees it, `outcome` one evaluation, `values` checks what
is said in it, and `runners` has the interface of such a place and the plainest one. `workers` are processes
of our own (`serving` is what goes on in one, `guard` ends what is left of them, `reports` keep what a trial
said before it was killed), `executors` everything that has ``submit`` (`dask` mends one of them); `payload`
is how an objective gets there.
"""

from hpo.execution.live import LiveTrial, TrialPruned
from hpo.execution.options import Options
from hpo.execution.outcome import Objective, Outcome, adapted, told
from hpo.execution.runners import Runner, make_runner

__all__ = [
    "LiveTrial",
    "Objective",
    "Options",
    "Outcome",
    "Runner",
    "TrialPruned",
    "adapted",
    "make_runner",
    "told",
]
