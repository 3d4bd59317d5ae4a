"""Paired comparisons."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from resexp.stats.paired import (
    compare_pairs,
    equivalence_margin,
    holm,
    paired_differences,
    seeds_needed,
    sign_flip_test,
    smallest_p,
    t_interval,
    tost,
)

differences = st.lists(st.floats(-100, 100).map(lambda v: round(v, 3)), min_size=1, max_size=8)


@given(differences, st.sampled_from(["two-sided", "less", "greater"]))
def test_p_is_the_share_of_sign_patterns_at_least_as_extreme(d, alternative):
    sums = [np.dot(signs, np.abs(d)) for signs in itertools.product((-1, 1), repeat=len(d))]
    extremeness = {"two-sided": abs, "less": lambda v: -v, "greater": lambda v: v}[alternative]
    expected = np.mean([extremeness(s) >= extremeness(sum(d)) - 1e-6 for s in sums])
    assert sign_flip_test(d, alternative) == pytest.approx(expected)


@given(differences.filter(lambda d: len(d) > 1))
def test_p_agrees_with_scipy_and_is_at_least_the_smallest_for_n(d):
    reference = stats.permutation_test(
        (np.array(d),), lambda x, axis: x.mean(axis), permutation_type="samples", vectorized=True, n_resamples=np.inf
    )
    assert sign_flip_test(d) == pytest.approx(reference.pvalue, abs=1e-9)
    assert sign_flip_test(d) >= smallest_p(len(d))
    assert sign_flip_test(d) == sign_flip_test([-v for v in d])


def test_p_of_many_seeds_is_close_to_the_t_test():
    d = np.random.default_rng(3).normal(0.5, 1, 40)
    assert sign_flip_test(d) == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.005)
    assert sign_flip_test(d, "greater") == sign_flip_test(-d, "less")


def test_five_seeds_cannot_reach_significance_two_sided():
    assert smallest_p(5) == sign_flip_test([1, 2, 3, 4, 5]) == 0.0625
    assert smallest_p(5, "greater") == sign_flip_test([1, 2, 3, 4, 5], "greater") == 0.03125
    assert [seeds_needed(m) for m in (0, 1, 2, 15)] == [6, 6, 7, 10]
    assert seeds_needed(1, "less") == 5


@given(st.integers(1, 100), st.sampled_from(["two-sided", "less"]))
def test_seeds_needed_is_the_smallest_number_that_suffices(m, alternative):
    n = seeds_needed(m, alternative)
    if n <= 16:
        assert m * smallest_p(n, alternative) <= 0.05
        assert n == 1 or m * smallest_p(n - 1, alternative) > 0.05


def test_degenerate_differences_have_defined_results():
    nothing = compare_pairs([])
    assert (nothing.n, nothing.p, nothing.p_least) == (0, 1.0, 1.0)
    assert math.isnan(nothing.mean)
    assert nothing.interval.low == -math.inf
    one = compare_pairs([2.0])
    assert (one.p, one.mean, one.interval.high, one.extremes.coverage) == (1.0, 2.0, math.inf, 0.0)
    assert math.isnan(one.effect)
    ties = compare_pairs([0.0] * 8)
    assert (ties.p, ties.effect, ties.interval.low, ties.interval.high) == (1.0, 0.0, 0.0, 0.0)
    assert compare_pairs([1.0] * 8).effect == math.inf
    for wrong in ([math.nan], [1, math.inf]):
        with pytest.raises(ValueError, match="finite"):
            compare_pairs(wrong)


def test_the_t_interval_agrees_with_scipy():
    d = [0.3, -0.1, 0.7, 0.4, 0.2]
    interval, expected = t_interval(d), stats.ttest_1samp(d, 0).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    extremes = compare_pairs(d).extremes
    assert (extremes.low, extremes.high, extremes.coverage) == (-0.1, 0.7, 0.9375)


@given(st.lists(st.floats(0, 1), max_size=10))
def test_holm_keeps_the_order_and_never_lowers_p(p_values):
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


def test_holm_of_known_values():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_tost_finds_equivalent_different_or_inconclusive():
    assert tost([0.001, -0.001, 0.002, 0.0, 0.001], 0.02).word == "equivalent"
    assert tost([1.0, 1.1, 0.9, 1.0, 1.05], 0.02).word == "different"
    assert tost([-1.0, -1.1, -0.9], 0.02).word == "different"
    assert tost([0.5, -0.5, 0.1], 0.02).word == "inconclusive"
    assert tost([0.0], 0.02).word == tost([], 0.02).word == "inconclusive"
    assert equivalence_margin(2.3, 0.0) == pytest.approx(0.046)
    assert equivalence_margin(0.5, None) == 0.02


def test_differences_pair_the_seeds_that_both_have():
    seeds, d = paired_differences({0: 1.0, 1: 2.0, 7: 3.0}, {7: 1.0, 1: 0.5, 2: 9.0})
    assert (seeds, d.tolist()) == ((1, 7), [1.5, 2.0])
    assert paired_differences({}, {0: 1.0})[0] == ()
