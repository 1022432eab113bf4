"""The Gaussian-process searcher: log expected improvement on a fitted model of the trials so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpo.checks import make_whole, one_of
from hpo.gp.features import Features
from hpo.gp.kernels import Array, squared_distance
from hpo.gp.maximize import Domain, maximize
from hpo.gp.regression import Prior
from hpo.searchers.base import Searcher, SearchSpaceExhausted
from hpo.searchers.hyperparameters import short
from hpo.searchers.surrogate import WARPS, Surrogate
from hpo.searchers.untried import untried
from hpo.space import Space
from hpo.threads import one_blas_thread
from hpo.trial import History, Suggestion

MAX_LISTED = 4096  # a space with at most this many configurations is scored whole


@dataclass(frozen=True)
class GPSearcher(Searcher):
    """Bayesian optimisation with a Gaussian process; the defaults need no setting.

    Parameters
    ----------
    n_initial : int
        Trials with a value, not all of them equal, before the model is used; the first is the centre of the
        space. With twice as many trials in all, two different values are enough. Raise it only where the
        objective is so noisy that a handful of trials mislead.
    warp : str
        How outputs are transformed: ``"half-rank"`` keeps the spacing of the better half and only the
        order of the worse, ``"raw"`` keeps all of it: only for an objective whose worst values are as
        telling as its best (docs/ablations.md).

    Notes
    -----
    `Suggestion.info` holds the predicted mean and sd (in warped units, lower is better), the log
    expected improvement, the length scale of each parameter, the parameters that are modelled on another
    scale than given (positive: as logarithmic at the low end, negative: at the high end), and under "gp" the
    fitted hyperparameters that the next suggestion starts from, and by how many of their sds the earlier
    predictions were off.
    """

    n_initial: int = 6
    warp: str = "half-rank"
    name: ClassVar[str] = "gp"
    # No options: what a user knows of length scales the data know better.
    prior: ClassVar[Prior] = Prior()
    max_inflation: ClassVar[float] = 2.0  # see `inflation`
    apart: ClassVar[float] = 0.1  # see `_maximum`
    initial_width: ClassVar[float] = 0.8  # share of a fine range, around its middle, of the first points

    def __post_init__(self) -> None:
        make_whole(self, n_initial=2)
        one_of("warp", self.warp, *WARPS)

    def suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        """Configuration to try next; see `Searcher.suggest`."""
        # Underflow to zero is what is meant in tails; a caller may have NumPy raise for it.
        with one_blas_thread(), np.errstate(under="ignore"):
            return self._suggest(space, history, rng)

    @classmethod
    def features(cls, space: Space) -> Features:
        """What the model is shown of a configuration."""
        return Features(space.n_cells, space.is_categorical, space.is_conditional, space.alike)

    @classmethod
    def inflation(cls, n_parameters: int, surprise: float, few_matter: bool = False) -> float:
        """Factor on the posterior's sd in the acquisition.

        The sd holds for the fitted hyperparameters, which are not the true ones: it is too small, and more
        so the more of them are fitted to the same trials. Expected improvement then creeps about the best
        trial, one parameter at a time. Two figures say by how much, and the larger is taken: a quarter of
        the number of parameters, and `surprise`, the root mean square error of earlier predictions in their
        sds, which tells a smooth function from what no such process describes. Below four parameters it
        counts for less, as smooth functions of few of them lose by more (docs/ablations.md). The parameters
        are those of one configuration, the most that a trial has had: with ten algorithms of three
        parameters each these are four, not thirty-one. Counts of choices tell of the same parameters once
        more, so their length scales do not add to it. In the theory of confidence bounds, too, the factor
        grows with the dimension (Srinivas et al., ICML 2010, theorem 2). Where by the fit few of many
        parameters matter, the number of all says nothing, and `surprise` alone decides.
        """
        expected = 1.0 if few_matter else n_parameters / 4
        return float(np.clip(max(expected, surprise * min(expected, 1.0)), 1.0, cls.max_inflation))

    @classmethod
    def few_matter(cls, n_parameters: int, share: float) -> bool:
        """Whether few of many parameters matter, if by the fit this `share` of those always there does.

        Which ones they are is then the question, and a handful of trials has many answers, of which the fit
        is one: it may have taken up a parameter that happens to order them. So expected improvement is
        averaged over length scales drawn from their posterior, which finds the few much sooner than an sd
        that is inflated for all. Where most parameters matter, or there are less than ten, the average
        gains nothing. Conditional parameters do not count: a length scale of theirs is long for want of
        trials that have them, too (docs/ablations.md).
        """
        return n_parameters >= 10 and share < 0.5

    def _suggest(self, space: Space, history: History, rng: np.random.Generator) -> Suggestion:
        seen = _Seen(space, history)
        features = self.features(space)
        y = history.y[history.complete]
        # Where most trials fail, as many values would take long, and failures tell where not to look.
        is_early = len(y) < self.n_initial and len(history) < 2 * self.n_initial
        # Equal values say nothing of length scales: a fit would make them longer without end, and then
        # the most uncertain points would be the corners of the space, whatever was tried.
        if is_early or not (len(y) and y.min() < y.max()):
            u = _spread_out(space, history, seen, features, self.initial_width, rng)
            return Suggestion(space.decode(u[None])[0], {"reason": "initial"})
        model = Surrogate.fitted(
            features, history, self.warp, self.prior, self.few_matter, self.inflation, rng
        )
        found = _maximum(space, history, seen, model, self.apart, rng)
        if found is None:
            u, value = untried(space, history, rng)[0], None
        else:
            u, value = found
        mean, sd = model.objective.predict(model.features(u[None]))
        info = {
            "reason": "expected improvement" if value is not None else "random",
            "mean": short(mean[0]),
            "sd": short(sd[0]),
            "acquisition": None if value is None else short(value),
            "length_scales": {
                space.names[j]: short(s) for j, s in zip(features.columns, np.exp(model.objective.theta))
            },
            "scales": {n: c for n, c in zip(space.names, model.features.scales) if c},
            "gp": model.memory,
        }
        return Suggestion(space.decode(u[None])[0], info)


class _Seen:
    """The configurations tried or pending, and what is left of a space that can be listed."""

    def __init__(self, space: Space, history: History) -> None:
        self.space = space
        self.keys = set(space.keys(history.X)) | set(space.keys(history.pending))
        self.listed = space.enumerate(MAX_LISTED) if space.size <= MAX_LISTED else None
        if self.listed is not None:
            self.listed = self.listed[self.is_new(self.listed)]
            if len(self.listed) == 0:
                raise SearchSpaceExhausted("every configuration of the space has been tried")

    def is_new(self, U: Array) -> NDArray[np.bool_]:
        return np.array([key not in self.keys for key in self.space.keys(U)], dtype=bool)

    def allowed(self, U: Array) -> NDArray[np.bool_]:
        good = self.is_new(U)
        good[good] = self.space.feasible(U[good])
        return good


def _maximum(
    space: Space,
    history: History,
    seen: _Seen,
    model: Surrogate,
    apart: float,
    rng: np.random.Generator,
) -> tuple[Array, float] | None:
    """Best new configuration by the model, and its acquisition value.

    What is fitted as noise is often jumps that are shorter than the length scales, as those of a
    cross-validation whose folds stay the same. Expected improvement is then the largest beside the best
    trial, again and again, and the objective says the same each time. So the values of the new configuration
    and of each earlier one should differ, by the model, by the share `apart` of the noise's variance; it is
    waived where no candidate does, and in a space that can be listed, which has no near repetitions.
    """
    features = model.features
    if seen.listed is not None:
        values = model.score(features(seen.listed))
        best = int(np.argmax(np.round(values, 9)))
        return seen.listed[best], float(values[best])

    def score_with_gradient(U: Array) -> tuple[Array, Array]:
        values, gradient = model.score_with_gradient(features(U))
        return values, features.pull_back(gradient, U)

    return maximize(
        lambda U: model.score(features(U)),
        score_with_gradient,
        Domain(
            space.n_cells,
            space.is_categorical,
            features.is_fine,
            space.snap,
            seen.allowed,
            lambda U: model.tells_apart(features(U), apart),
        ),
        _candidates(space, history, rng),
        rng,
    )


def _candidates(space: Space, history: History, rng: np.random.Generator, n: int = 512) -> Array:
    """Points to start from: uniform ones, and the best trials with a few columns redrawn or nudged."""
    uniform = space.sample(n, rng)
    uniform = np.where(np.isnan(uniform), rng.random(uniform.shape), uniform)
    X = history.X[history.complete]
    best = X[np.argsort(history.y[history.complete], kind="stable")[:10]]
    parents = best[np.minimum((rng.random(n) ** 2 * len(best)).astype(np.int64), len(best) - 1)]
    parents = np.where(np.isnan(parents), rng.random(parents.shape), parents)
    d = len(space.names)
    moved = rng.random(parents.shape) < max(1.5 / d, 0.2)
    nudged = np.clip(parents + rng.normal(size=parents.shape) * 10.0 ** -rng.uniform(0.5, 2.5, (n, 1)), 0, 1)
    redrawn = np.where(rng.random(parents.shape) < 0.3, rng.random(parents.shape), nudged)
    local = np.where(moved, redrawn, parents)
    return np.concatenate([np.where(np.isnan(best), 0.5, best), uniform, local])


def _spread_out(
    space: Space,
    history: History,
    seen: _Seen,
    features: Features,
    width: float,
    rng: np.random.Generator,
) -> Array:
    """The centre first, then random points near it, each the farthest of a few from all earlier ones.

    The ends of a fine range are where its author stopped caring, and in many dimensions most of the
    cube is near some end. Of a few choices each was written down: those are drawn from all alike.
    """
    if history.k == 0 or not (len(history) or len(history.pending)):
        centre = np.where(space.is_categorical, rng.random(len(space.names)), 0.5)
        point = space.snap(centre[None])
        if seen.allowed(point)[0]:
            return np.asarray(point[0])
    U = space.sample(16, rng) if seen.listed is None else seen.listed[rng.integers(len(seen.listed), size=16)]
    U = np.where(np.isnan(U), rng.random(U.shape), U)  # a parent drawn inwards may bring others into being
    U = space.snap(np.where(features.is_fine, 0.5 + width * (U - 0.5), U))
    U = U[seen.allowed(U)]
    if len(U) == 0:
        return np.asarray(untried(space, history, rng)[0])
    earlier = np.concatenate([history.X, history.pending])[-200:]
    if len(earlier) == 0:
        return np.asarray(U[0])
    Z = features(U)
    distance = squared_distance(Z, features(earlier), np.ones(Z.shape[1])).min(1)
    return np.asarray(U[int(np.argmax(np.round(distance, 9)))])
