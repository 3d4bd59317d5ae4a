"""Shares, their intervals and depth brackets."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from resexp.stats.shares import DepthBracket, Share, depth_bracket, intervals_overlap

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_wilsons(pair, coverage):
    low, high = Share(*pair).interval(coverage)
    expected = binomtest(*pair).proportion_ci(coverage, "wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= low <= Share(*pair).value <= high <= 1


def test_a_share_without_replicates_is_unknown():
    assert Share(0, 0).interval() == (0, 1)
    assert math.isnan(Share(0, 0).value)


@pytest.mark.parametrize("n", [5, 8])
def test_the_interval_has_its_nominal_coverage_on_average(n):
    """Averaged over shares; near 0 and 1 the coverage falls to 0.83."""
    covers = []
    for p in (0.02 * i for i in range(1, 50)):
        inside = [k for k in range(n + 1) if Share(k, n).interval()[0] <= p <= Share(k, n).interval()[1]]
        covers.append(sum(binom.pmf(k, n, p) for k in inside))
    assert 0.94 < sum(covers) / len(covers) < 0.97
    assert min(covers) > 0.83


@pytest.mark.parametrize(
    ("trained", "expected"),
    [
        ({8: 5, 24: 3, 48: 0}, DepthBracket(24, 48)),
        ({8: 5, 24: 5}, DepthBracket(24, None)),
        ({8: 2, 24: 0}, DepthBracket(None, 8)),
        ({8: 5, 24: 0, 48: 5, 96: 1}, DepthBracket(48, 96, monotone=False)),
        ({}, DepthBracket(None, None)),
    ],
)
def test_the_bracket_is_where_the_share_last_falls_below_one_half(trained, expected):
    assert depth_bracket({depth: Share(count, 5) for depth, count in trained.items()}) == expected


def test_the_bracket_can_be_where_the_share_first_falls_below_one_half():
    shares = {depth: Share(count, 5) for depth, count in {8: 5, 24: 0, 48: 5, 96: 1}.items()}
    assert depth_bracket(shares, crossing="first") == DepthBracket(8, 24, monotone=False)


def test_overlapping_intervals_share_a_point():
    assert intervals_overlap(Share(3, 3), Share(1, 3))
    assert not intervals_overlap(Share(8, 8), Share(0, 8))
    assert not intervals_overlap(Share(0, 8), Share(8, 8))
