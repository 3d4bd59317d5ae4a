"""Shares and their intervals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from resexp.stats.shares import Half, Share, half

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_wilsons(pair, coverage):
    low, high = Share(*pair).interval(coverage)
    wanted = binomtest(*pair).proportion_ci(coverage, "wilson")
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert 0 <= low <= Share(*pair).value <= high <= 1


def test_of_nothing_nothing_is_known():
    assert Share(0, 0).interval() == (0, 1)
    assert math.isnan(Share(0, 0).value)


@pytest.mark.parametrize("n", [5, 8])
def test_it_covers_what_it_says_on_average(n):
    """Over the shares; near 0 and 1 it covers as little as 0.83."""
    covers = []
    for p in (0.02 * i for i in range(1, 50)):
        inside = [k for k in range(n + 1) if Share(k, n).interval()[0] <= p <= Share(k, n).interval()[1]]
        covers.append(sum(binom.pmf(k, n, p) for k in inside))
    assert 0.94 < sum(covers) / len(covers) < 0.97
    assert min(covers) > 0.83


@pytest.mark.parametrize(
    ("trained", "wanted"),
    [
        ({8: 5, 24: 3, 48: 0}, Half(24, 48)),
        ({8: 5, 24: 5}, Half(24, None)),
        ({8: 2, 24: 0}, Half(None, 8)),
        ({8: 5, 24: 0, 48: 5, 96: 1}, Half(48, 96, monotone=False)),
        ({}, Half(None, None)),
    ],
)
def test_where_the_share_passes_a_half(trained, wanted):
    assert half({depth: Share(count, 5) for depth, count in trained.items()}) == wanted
