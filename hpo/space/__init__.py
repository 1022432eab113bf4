"""What can be searched: parameters, conditions, constraints, and their one map to the unit cube."""

from hpo.space.checks import SpaceError
from hpo.space.parameters import Categorical, Float, Int, Ordinal, Parameter
from hpo.space.space import InfeasibleSpaceError, Space

__all__ = [
    "Categorical",
    "Float",
    "InfeasibleSpaceError",
    "Int",
    "Ordinal",
    "Parameter",
    "Space",
    "SpaceError",
]
