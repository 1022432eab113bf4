"""Which searcher is really better, and by how much: experiments, statistics, the report."""

from __future__ import annotations

import sys
from inspect import signature
from types import ModuleType

from hpo.compare.comparison import Comparison
from hpo.compare.experiment import compare
from hpo.compare.task import Task

__all__ = ["Comparison", "Task", "compare"]


class _CallableModule(ModuleType):
    # `hpo.compare` is this package and the function of that name at once, whichever is looked for first.
    __call__ = staticmethod(compare)
    __signature__ = signature(compare)


sys.modules[__name__].__class__ = _CallableModule
