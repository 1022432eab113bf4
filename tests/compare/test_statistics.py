"""The statistics against SciPy, worked examples and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from hpo.compare import statistics as st


@pytest.mark.parametrize("n", [3, 6, 10, 20, 45])
def test_signed_rank_is_scipys_exact_test_without_ties(n):
    D = np.random.default_rng(n).normal(0.4, 1, n)
    assert st.signed_rank(D) == pytest.approx(stats.wilcoxon(D, method="exact").pvalue, rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_signed_rank_with_ties_and_zeros_counts_every_sign(seed):
    D = np.random.default_rng(seed).integers(-2, 4, 9).astype(float)
    exact = stats.wilcoxon(D, zero_method="pratt", method=stats.PermutationMethod(n_resamples=np.inf))
    assert st.signed_rank(D) == pytest.approx(exact.pvalue, rel=1e-10)


def test_signed_rank_of_nothing_but_zeros_is_one():
    assert st.signed_rank(np.zeros(5)) == 1.0
    assert st.signed_rank(np.array([np.nan, 0.0])) == 1.0


def test_signed_rank_keeps_its_level():
    rng = np.random.default_rng(0)
    rejected = np.mean([st.signed_rank(rng.normal(size=12)) <= 0.05 for _ in range(2000)])
    assert 0.03 < rejected <= 0.06


def test_signed_rank_of_the_textbook():
    # Wilcoxon (1945), Darwin's maize pairs: T = 24 on 15 pairs, two-sided p = 0.0413 exactly counted.
    darwin = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)
    assert st.signed_rank(darwin) == pytest.approx(0.0413, abs=5e-5)


def test_the_test_leans_to_the_larger_sum_of_ranks_not_to_the_more_frequent_sign():
    D = np.array([1.0, 2, 3, 4, -5, -6, -7])
    assert st.paired(10 + D, np.full(7, 10.0)).leaning == 2 * (1 + 2 + 3 + 4 - 5 - 6 - 7)


def test_holm_of_a_worked_example():
    # p = 0.01, 0.04, 0.03, 0.005 -> 0.03, 0.06, 0.06, 0.02
    assert st.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert st.holm(np.array([0.9, 0.6])).tolist() == [1.0, 1.0]  # a probability is no more
    with_gap = st.holm(np.array([0.01, np.nan]))
    assert with_gap[0] == 0.01
    assert math.isnan(with_gap[1])


def test_superiority_counts_ties_half():
    assert st.superiority(np.array([-1.0, 0.0, 2.0, -3.0])) == 0.625
    assert math.isnan(st.superiority(np.array([])))


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_interval_covers_the_mean_about_as_often_as_it_says(draw):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(10, 1500)) if draw == "normal" else rng.exponential(size=(10, 1500)) - 1
    _, low, high = st.mean_interval(X)
    covered = np.mean((low <= 0) & (high >= 0))
    # 95% is promised; skewed data with ten seeds cost a little, as they do for Student's interval.
    assert covered > (0.925 if draw == "normal" else 0.87)
    assert covered < 0.98


def test_interval_of_normal_data_is_close_to_students():
    x = np.random.default_rng(2).normal(size=20)
    found = st.interval(x)
    low, high = stats.t.interval(0.95, 19, x.mean(), stats.sem(x))
    assert found.low == pytest.approx(low, abs=0.08)
    assert found.high == pytest.approx(high, abs=0.08)


@pytest.mark.parametrize("n", [10, 20])
def test_interval_of_normal_data_is_as_wide_as_students_on_average(n):
    X = np.random.default_rng(0).normal(size=(n, 400))
    _, low, high = st.mean_interval(X)
    width = 2 * stats.t.ppf(0.975, n - 1) * stats.sem(X)
    assert np.mean((high - low) / width) == pytest.approx(1.0, abs=0.015)  # 0.94 and 0.97 without √(n/(n-1))


def test_the_tails_of_the_interval_are_those_of_students_quantiles():
    # t is 2.7764 with 4 degrees of freedom and 2.2622 with 9: Φ(-√(5/4) 2.7764), Φ(-√(10/9) 2.2622).
    assert st.expanded_tail(5, 0.95) == pytest.approx(0.000954, abs=1e-6)
    assert st.expanded_tail(10, 0.95) == pytest.approx(0.00855, abs=1e-5)


def test_few_seeds_have_a_mean_but_no_interval():
    found = st.interval(np.array([1.0, 2.0, 2.0, 3.0]))
    assert found.mean == 2.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    five = st.interval(np.array([1.0, 2.0, 2.0, 2.0, 3.0]))
    assert 1 < five.low < 2 < five.high < 3
    assert math.isnan(st.interval(np.array([np.nan])).mean)
    assert [part.shape for part in st.mean_interval(np.empty((0, 7)))] == [(7,)] * 3


@pytest.mark.filterwarnings("error")
def test_the_mean_of_the_largest_numbers_is_one_of_them():
    size = 2.0**1020  # the sum of nine of these is none
    losses, baseline = np.tile([14.0, 10.0], 5), np.full(10, 15.0)
    plain, large = st.paired(losses, baseline), st.paired(size * losses, size * baseline)
    assert st.interval(size * losses).mean == 12 * size
    assert st.interval(np.append(0, np.full(9, -10 * size))).mean == -9 * size
    assert large.difference.mean == -3 * size
    assert large.relative.mean == plain.relative.mean == -20
    assert large.relative.low == pytest.approx(plain.relative.low)
    assert st.interval(np.full(3, 5e-324)).mean == 5e-324


@pytest.mark.filterwarnings("error")
def test_what_is_beyond_all_floats_is_no_number_of_a_report():
    largest, fine = np.finfo(float).max, np.linspace(0.3, 0.4, 6)
    apart = st.paired(np.full(6, -1.7e308), np.full(6, 1.7e308))
    assert apart.difference.mean == -largest
    assert apart.difference.high < 0
    assert apart.relative == st.Interval(-200, -200, -200)
    penalised = st.paired(np.append(fine[1:], largest), fine)
    assert penalised.relative is None
    assert penalised.difference.low < penalised.difference.mean == pytest.approx(largest / 6)
    rarely = st.paired(np.full(6, 1e300), np.append(np.full(5, 1e-300), 1e300))
    assert rarely.relative is None  # of some resamples it would be infinite


def test_paired_drops_pairs_with_a_missing_side():
    found = st.paired(np.array([1.0, 2.0, np.nan]), np.array([2.0, 4.0, 5.0]))
    assert found.n == 2
    assert found.difference.mean == -1.5
    assert found.relative.mean == pytest.approx(-50.0)
    assert found.superiority == 1.0


@pytest.mark.filterwarnings("error")
def test_without_a_pair_there_is_nothing_to_tell():
    found = st.paired(np.array([1.0, np.nan]), np.array([np.nan, 1.0]))
    assert (found.n, found.relative, found.leaning) == (0, None, 0)
    assert all(map(math.isnan, (found.difference.mean, found.p_value, found.superiority)))


def test_relative_difference_needs_a_baseline_of_one_sign():
    assert st.paired(np.array([1.0, -1.0]), np.array([0.5, -2.0])).relative is None
    assert st.paired(np.array([1.0, 2.0]), np.array([0.0, 2.0])).relative is None
    assert st.paired(np.array([-1.0, -2.0]), np.array([0.0, -2.0])).relative is None
    assert st.paired(np.array([3.0]), np.array([4.0])).relative.mean == -25
    assert st.paired(np.array([-3.0]), np.array([-4.0])).relative.mean == 25
    few = st.paired(np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 2.0, 2.0, 2.0])).relative
    assert few.mean == pytest.approx(25)
    assert math.isnan(few.low)  # as of any four seeds
    assert math.isnan(few.high)
    five = st.paired(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.full(5, 2.0)).relative
    assert -50 < five.low < five.mean < five.high < 150


def test_mean_ranks_share_ties():
    mean, low, high = st.mean_ranks(np.array([[1.0, 2.0, 2.0], [1.0, 3.0, 2.0]] * 3))
    assert mean == pytest.approx([1.0, 2.75, 2.25])
    assert np.all(low <= mean)
    assert np.all(mean <= high)


def test_ranks_behind_are_paired_and_hold_together():
    rng = np.random.default_rng(5)
    losses = rng.normal(size=(12, 4)) + np.arange(4)
    mean, low, high = st.ranks_behind(losses, 1)
    of = stats.rankdata(losses, axis=1)
    assert mean == pytest.approx((of - of[:, [1]]).mean(axis=0))
    assert (mean[1], low[1], high[1]) == (0, 0, 0)
    alone = st.mean_interval(of - of[:, [1]])
    for k in (0, 2, 3):  # wider than an interval by itself
        assert low[k] < alone[1][k] < mean[k] < alone[2][k] < high[k]
    for n, confidence in ((2, 0.95), (4, 1 - 0.05 / 3)):  # there are as many intervals as others
        few = stats.rankdata(losses[:, :n], axis=1)
        expected = st.mean_interval(few - few[:, [1]], confidence)
        np.testing.assert_allclose(st.ranks_behind(losses[:, :n], 1), expected, atol=1e-12)


def test_friedman_is_scipys_and_silent_with_one_task():
    losses = np.random.default_rng(3).normal(size=(6, 4))
    assert st.friedman(losses) == stats.friedmanchisquare(*losses.T).pvalue
    assert math.isnan(st.friedman(losses[:2]))
    assert math.isnan(st.friedman(losses[:, :2]))
    assert st.friedman(np.ones((3, 3))) == 1.0


def test_numbers_that_are_equal_on_paper_are_ties():
    a = np.array([283, 284, 305, 294, 286, 283, 316, 303, 281, 290])
    b = np.array([286, 283, 309, 293, 289, 280, 321, 307, 283, 293])
    exact = st.signed_rank((a - b).astype(float))
    for scale in (1 / 5000, 100 / 5000, 1e-200, 1e200):
        assert st.paired(a * scale, b * scale).p_value == exact
    assert st.paired(100 * (1 - a / 5000), 100 * (1 - b / 5000)).p_value == st.signed_rank(
        (b - a).astype(float)
    )
    # One value that is huge does not make dust of the others.
    far = st.paired(np.append(a / 5000, 1e12), np.append(b / 5000 + 0.1, 1e12))
    assert far.superiority == pytest.approx((10 + 0.5) / 11)
    assert st.mean_ranks(np.tile([0.1, 0.2, 1e10], (5, 1)))[0].tolist() == [1.0, 2.0, 3.0]
    assert st.paired(np.array([1.7e308, -0.0]), np.array([1.6e308, 0.0])).n == 2
    cancelling = np.array([0.1, 0.2, -0.3, np.nan])  # the sum of the others is 5.6e-17
    assert st.difference(1 + cancelling, np.ones(4)).mean == 0
    assert st.differences(np.array([1 + 4e-11, 1 + 6e-10]), np.ones(2)).tolist() == [0, 6e-10]
    finals = np.array([0.1 + 0.2, 0.3, 0.4])
    assert st.mean_ranks(np.tile(finals, (5, 1)))[0].tolist() == [1.5, 1.5, 3.0]
    assert st.mean_ranks(np.tile(-finals, (5, 1)))[0].tolist() == [2.5, 2.5, 1.0]


@pytest.mark.parametrize("turn", [1, -1])
def test_what_is_dust_is_told_by_the_larger_of_two_values(turn):
    large, one = turn * np.array([1e6 + 1e-9]), turn * np.ones(1)
    assert st.differences(large, one).tolist() == [turn * 999_999]
    assert st.differences(one, large).tolist() == [turn * -999_999]
    assert math.isnan(st.differences(large, np.array([np.nan]))[0])
    # Differences that cancel on paper: 99999999.1 - 99999999.2 + 0.1.
    some, others = turn * np.array([1e8 + 0.1, 1, 1.1]), turn * np.array([1, 1e8 + 0.2, 1])
    assert st.difference(some, others).mean == 0
    assert st.difference(others, some).mean == 0
    tiny = st.difference(turn * np.full(5, 3e-12), turn * np.full(5, 1e-12))
    assert tiny.mean == turn * 2e-12
    cancelling = turn * (1 + np.array([0.1, 0.2, -0.3]))
    assert st.paired(cancelling, turn * np.ones(3)).relative.mean == 0


def test_the_interval_in_percent_knows_that_the_baseline_is_uncertain_too():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        b, a = np.exp(rng.normal(size=20)), 0.2 * np.exp(rng.normal(size=20))
        found.append(st.paired(a, b).relative)
    assert all(x.low > -100 for x in found)  # no loss that is positive can be lower by more than all of it
    assert 0.9 < np.mean([x.low <= -80 <= x.high for x in found]) < 0.98
    negative = st.paired(-a, -b)
    assert negative.relative.mean == pytest.approx(100 * (b - a).mean() / b.mean())
    assert negative.relative.low == pytest.approx(-found[-1].high)
    assert negative.relative.high == pytest.approx(-found[-1].low)
