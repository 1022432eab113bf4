"""Which searcher is really better, and by how much: experiments, statistics, the report."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from hpo.compare.comparison import Comparison
from hpo.compare.experiment import compare
from hpo.compare.task import Task

__all__ = ["Comparison", "Task", "compare"]


class _CallableModule(ModuleType):
    # Importing this package binds the name `compare` in `hpo` to the module, over the function of
    # that name; so the module answers the call.
    def __call__(self, *args: Any, **kwargs: Any) -> Comparison:
        return compare(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
