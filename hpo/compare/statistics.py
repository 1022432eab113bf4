"""The statistics of a comparison: arrays in, numbers out.

Notation
--------
n   number of seeds (or tasks) that are paired
B   number of bootstrap resamples
D   (n,) differences, searcher minus baseline, of losses: negative means that the searcher is better
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

RESAMPLES = 5_000
FEWEST = 5  # resamples of fewer observations are little more than their range: no interval
LARGEST = 1e300  # what is rounded; above it may overflow
SEED = 20_240_501  # the same data give the same report


@dataclass(frozen=True)
class Interval:
    """A mean and its 95% interval; NaN where there is too little to tell."""

    mean: float
    low: float
    high: float


def mean_interval(X: Array, confidence: float = 0.95) -> tuple[Array, Array, Array]:
    """Mean over the first axis, and its bootstrap interval.

    The expanded percentile interval: the percentile interval with its tails moved out to
    Φ(-sqrt(n/(n-1)) t_{α/2, n-1}), which mends the known narrowness of the percentile interval
    with few observations (T. Hesterberg, "What Teachers Should Know About the Bootstrap", 2015,
    section 5.3). All columns share the resamples, so that curves over the same seeds are paired.

    Parameters
    ----------
    X : (n, ...) array
        A NaN anywhere in a column makes its mean and interval NaN; so do fewer than 5 rows the
        interval.
    confidence : float

    Returns
    -------
    mean, low, high : (...) arrays
    """
    n = len(X)
    if n == 0:
        nothing = np.full(X.shape[1:], np.nan)
        return nothing, nothing, nothing
    mean = _mean(X)
    if n < FEWEST:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    low, high = _ends(np.tensordot(_shares(n), X, axes=1), n, confidence)
    return mean, low, high


def _mean(X: Array) -> Array:
    """Mean over the first axis, also of numbers whose sum overflows."""
    _, exponent = np.frexp(np.abs(X).max(axis=0))  # of the largest: powers of two round nothing
    mean: Array = np.ldexp(np.ldexp(X, -exponent).mean(axis=0), exponent)
    return mean


def expanded_tail(n: int, confidence: float) -> float:
    """Tail probability of the expanded percentile interval; tends to (1 - confidence)/2 with n."""
    t = stats.t.ppf(0.5 + confidence / 2, n - 1)
    return float(stats.norm.cdf(-math.sqrt(n / (n - 1)) * t))


@lru_cache(maxsize=4)  # a report asks for the same hundreds of times, and drawing them is most of an interval
def _shares(n: int) -> Array:
    """Share of each observation in each resample, (B, n): the means of all columns are one product."""
    shares: Array = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
    shares.setflags(write=False)
    return shares


def _ends(resampled: Array, n: int, confidence: float = 0.95) -> Array:
    """Lower and upper end of the interval that (B, ...) resampled figures of n observations give."""
    tail = expanded_tail(n, confidence)
    ends: Array = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return ends


def relative_interval(losses: Array, baseline: Array) -> Interval:
    """Mean difference in percent of the size of the baseline's mean, whose values have one sign.

    Each resample has a baseline of its own, which is as uncertain as the difference is.

    Parameters
    ----------
    losses, baseline : (n,) arrays
        Without NaN.
    """
    n, sign = len(losses), np.sign(baseline[0])
    mean = float(100 * (_mean(losses) / abs(_mean(baseline)) - sign))  # a difference may overflow
    if n < FEWEST:
        return Interval(mean, math.nan, math.nan)
    shares = _shares(n)
    low, high = 100 * _ends((shares @ losses) / np.abs(shares @ baseline) - sign, n)
    return Interval(mean, float(low), float(high))


def without_dust(x: Array, size: Array) -> Array:
    """Numbers that came of others as large as `size`, without the dust of floating-point arithmetic.

    Each is rounded to ten digits after the first of its size, so that what is equal on paper ties in a rank.
    """

    def rounded(value: float, size: float) -> float:
        if not 0 < size < LARGEST:
            return value
        return round(value, 10 - math.floor(math.log10(size)))

    return np.array([rounded(value, s) for value, s in zip(x.tolist(), size.tolist())], dtype=float)


def differences(one: Array, other: Array) -> Array:
    """``one - other`` without dust, the largest float where it overflows; NaN where either is."""
    with np.errstate(over="ignore"):
        D = np.nan_to_num(one - other, nan=np.nan)
    return without_dust(D, np.maximum(np.abs(one), np.abs(other)))


def difference(one: Array, other: Array) -> Interval:
    """Mean of the differences with its interval; NaN among them are left out."""
    return _settled(interval(differences(one, other)), _size(one, other))


def _settled(x: Interval, size: float) -> Interval:
    """An interval without dust: a mean of differences that cancel on paper is zero."""
    return Interval(*without_dust(np.array([x.mean, x.low, x.high]), np.full(3, size)).tolist())


def _size(one: Array, other: Array) -> float:
    """The largest of the values of which there is a difference."""
    sizes = np.maximum(np.abs(one), np.abs(other))
    return float(np.max(sizes, initial=0.0, where=~np.isnan(sizes)))


def interval(x: Array) -> Interval:
    """Mean of (n,) observations with its interval; NaN among them are left out."""
    mean, low, high = mean_interval(x[~np.isnan(x)])
    return Interval(float(mean), float(low), float(high))


def signed_rank(D: Array) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test, exact also with ties and zeros.

    Zeros are ranked and then left out (J. W. Pratt, 1959); tied sizes share their mean rank. Given
    the sizes, each of the 2^m signs is equally likely under the hypothesis, and the distribution of
    the rank sum is counted by convolution over doubled ranks, which are whole numbers.

    Parameters
    ----------
    D : (n,) array
        Paired differences; NaN are left out.
    """
    ranks = doubled_ranks(D)
    probability = np.ones(1)
    for rank in np.abs(ranks):
        grown = np.zeros(len(probability) + rank)
        grown[: len(probability)] += probability / 2
        grown[rank:] += probability / 2
        probability = grown
    smaller = int(min(ranks[ranks > 0].sum(), -ranks[ranks < 0].sum()))
    return float(min(1.0, 2 * probability[: smaller + 1].sum()))


def doubled_ranks(D: Array) -> NDArray[np.int64]:
    """Twice the rank of each difference's size, with its sign, as Pratt's test ranks them."""
    D = D[~np.isnan(D)]
    ranks = np.rint(2 * stats.rankdata(np.abs(D))).astype(np.int64)
    signed: NDArray[np.int64] = (np.sign(D).astype(np.int64) * ranks)[D != 0]
    return signed


def superiority(D: Array) -> float:
    """Probability that the searcher beats the baseline on a seed, ties counting half.

    The paired form of A (A. Vargha and H. D. Delaney, 2000); `D` is without NaN.
    """
    return float(np.mean((D < 0) + 0.5 * (D == 0))) if D.size else math.nan


def holm(p: Array) -> Array:
    """p-values corrected for their number, step down (S. Holm, 1979); NaN are left out."""
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return adjusted


@dataclass(frozen=True)
class Paired:
    """One searcher against the baseline, over the seeds that both have.

    Attributes
    ----------
    n : int
        Number of pairs.
    difference : Interval
        Mean difference of losses; negative: the searcher is better.
    relative : Interval or None
        The same in percent of the size of the baseline's mean, where its values have one sign and
        the percentage does not overflow.
    p_value : float
        Wilcoxon's signed-rank test, not corrected.
    leaning : int
        Which side the test speaks for, as its doubled ranks add up; negative: the searcher is better.
    superiority : float
        Probability of superiority.
    """

    n: int
    difference: Interval
    relative: Interval | None
    p_value: float
    leaning: int
    superiority: float


def paired(losses: Array, baseline: Array) -> Paired:
    """Compare (n,) losses with the baseline's on the same seeds; NaN on either side drops the pair."""
    known = ~(np.isnan(losses) | np.isnan(baseline))
    losses, baseline = losses[known], baseline[known]
    D, relative = differences(losses, baseline), None
    # A percentage of a mean over both signs would mean nothing.
    if D.size and (np.all(baseline > 0) or np.all(baseline < 0)):
        with suppress(FloatingPointError), np.errstate(over="raise"):  # beyond all floats it has none
            size = float(100 * (_size(losses, baseline) / abs(_mean(baseline))))
            relative = _settled(relative_interval(losses, baseline), size)
    p = signed_rank(D) if D.size else math.nan
    leaning = int(doubled_ranks(D).sum())
    return Paired(int(known.sum()), difference(losses, baseline), relative, p, leaning, superiority(D))


def mean_ranks(losses: Array) -> tuple[Array, Array, Array]:
    """Mean rank of each searcher over tasks, 1 the best, with a bootstrap interval over tasks.

    Parameters
    ----------
    losses : (tasks, searchers) array
        Mean final loss; ties share their mean rank.
    """
    return mean_interval(_ranked(losses))


def ranks_behind(losses: Array, best: int) -> tuple[Array, Array, Array]:
    """By how many ranks each searcher is behind one of them: mean over tasks and bootstrap interval.

    The k - 1 intervals hold together with 95% (Bonferroni): who is behind may be read off all of them.

    Parameters
    ----------
    losses : (tasks, k > 1) array
        As for `mean_ranks`.
    best : int
        Column of the one.
    """
    ranks = _ranked(losses)
    return mean_interval(ranks - ranks[:, [best]], 1 - 0.05 / (ranks.shape[1] - 1))


def friedman(losses: Array) -> float:
    """p-value of Friedman's test that all searchers rank alike over tasks (M. Friedman, 1937).

    NaN with fewer than 3 tasks or 3 searchers, where the test says nothing; 1 where all tie on each task.
    """
    n_tasks, n_searchers = losses.shape
    if n_tasks < 3 or n_searchers < 3:
        return math.nan
    ranks = _ranked(losses)
    if np.ptp(ranks) == 0:
        return 1.0
    return float(stats.friedmanchisquare(*ranks.T).pvalue)


def _ranked(losses: Array) -> Array:
    """Rank of each searcher on each task, (tasks, searchers)."""
    settled = without_dust(losses.ravel(), np.abs(losses).ravel()).reshape(losses.shape)
    ranks: Array = stats.rankdata(settled, axis=1)
    return ranks
