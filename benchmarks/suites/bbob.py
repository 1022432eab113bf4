"""The 24 functions of BBOB, on which optimisers of continuous functions are compared.

Hansen, Finck, Ros and Auger, "Real-parameter black-box optimization benchmarking 2009: noiseless functions
definitions" (INRIA RR-6829, 2009), as packed by IOHexperimenter (de Nobel et al., arXiv 2111.04077). Each is
moved and turned at random in [-5, 5]^d: separable, badly conditioned, with many peaks, with and without an
order among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import hpo

N_FUNCTIONS = 24
DIMENSIONS = (2, 3, 5, 10)
INSTANCE = 1  # which of the ways to move and turn a function


@dataclass(frozen=True)
class BBOB:
    """One function; made when it is first used, in whichever process that is.

    Parameters
    ----------
    number : int
        1 to 24.
    dimension : int
    """

    number: int
    dimension: int

    @property
    def space(self) -> hpo.Space:
        """What to search."""
        return hpo.Space({f"x{i}": hpo.Float(-5.0, 5.0) for i in range(self.dimension)})

    @cached_property
    def optimum(self) -> float:
        """Smallest value."""
        return float(self._function.optimum.y)

    def observe(self, params: dict[str, Any], seed: int = 0) -> float:
        """The value, which has no noise."""
        return self.truth(params)

    def truth(self, params: dict[str, Any]) -> float:
        """The value."""
        return float(self._function([params[name] for name in self.space.names]))

    def __getstate__(self) -> dict[str, int]:
        return {"number": self.number, "dimension": self.dimension}

    @cached_property
    def _function(self) -> Any:
        import ioh

        return ioh.get_problem(self.number, INSTANCE, self.dimension, ioh.ProblemClass.BBOB)


def bbob() -> dict[str, BBOB]:
    """All of them in 2, 3, 5 and 10 dimensions, by name.

    Raises
    ------
    ImportError
        If ioh is not installed.
    """
    try:
        import ioh
    except ImportError as error:
        raise ImportError("the functions of BBOB need ioh: pip install ioh") from error
    names = ioh.ProblemClass.BBOB.problems
    return {
        f"{names[number]}-{d}": BBOB(number, d) for number in range(1, N_FUNCTIONS + 1) for d in DIMENSIONS
    }
