"""What is believed of fine ranges before any trial: that the best is rather in the middle than at an end.

The ends of a fine range are where its author stopped caring, and in many dimensions nearly all of the cube
is near some end. Of a few choices each was written down: of those nothing is believed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpo.gp.maximize import SMOOTH_CELLS
from hpo.space import Space
from hpo.trial import Array

SD = 0.3  # of the belief, in ranges


def toward_middle(space: Space, U: Array, width: float) -> Array:
    """Points of the cube, (n, d), whose fine columns are squeezed to a share `width` around the middle."""
    squeezed: Array = space.snap(np.where(_is_fine(space), 0.5 + width * (U - 0.5), U))
    return squeezed


@dataclass(frozen=True)
class Belief:
    """A normal density at the middle of the fine ranges, to a power that is lower the more trials there are.

    A model is least certain in the corners, of which there are soon more than trials. An acquisition that
    is multiplied by this goes there once trials speak for it: π(x)^(weight / n) with n finished trials
    (Hvarfner et al., "πBO", ICLR 2022, arXiv 2204.11051, eq. 6).
    """

    precision: Array  # of each column, (d,); 0 where nothing is believed

    @classmethod
    def after(cls, n_trials: int, space: Space, weight: float) -> Belief:
        """What is left of the belief; `weight` is the number of trials that outweigh it."""
        return cls(np.where(_is_fine(space), weight / max(n_trials, 1) / SD**2, 0.0))

    def log_density(self, U: Array) -> tuple[Array, Array]:
        """Without its constant, (m,), and its gradient, (m, d), at points of the cube, NaN where inactive."""
        aside = np.where(np.isnan(U), 0.0, U - 0.5)
        gradient = -self.precision * aside
        return 0.5 * (gradient * aside).sum(1), gradient


def _is_fine(space: Space) -> NDArray[np.bool_]:
    fine: NDArray[np.bool_] = ~space.is_categorical & (space.n_cells > SMOOTH_CELLS)
    return fine
