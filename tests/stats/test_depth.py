"""The search for the trainable depth, against arms whose truth is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.stats.depth import DepthSearch, TrialOutcome
from resexp.stats.logistic import deepest, fit, locate


def _run(search, trains):
    """Answer a search: `trains(depth, rate, seed)`; how often it asked."""
    rounds = 0
    while trials := search.ask():
        rounds += 1
        assert rounds < 100
        for trial in trials:
            ends = {s: trains(trial.depth, trial.rate, s) for s in trial.seeds}
            search.tell(trial.depth, trial.rate, {s: TrialOutcome(ok, 0.1 if ok else None) for s, ok in ends.items()})
    return search.estimate()


@given(st.integers(5, 256).map(lambda failing: failing - 0.5))
def test_a_sharp_border_is_found_to_the_ratio(border):
    found = _run(DepthSearch(), lambda depth, *_: depth < border)
    assert border / 1.3 <= found.d50 <= border * 1.3
    assert found.low <= border <= found.high
    assert (found.censored, found.monotone) == (None, True)


def test_censoring_is_told():
    deep = _run(DepthSearch(), lambda *_: True)
    assert (deep.d50, deep.censored, deep.high) == (None, "> 256", None)
    assert 128 < deep.low <= 256
    never = _run(DepthSearch(), lambda *_: False)
    assert (never.d50, never.censored, never.low) == (None, "< 4", None)
    assert 4 <= never.high < 8


def test_what_trains_again_deeper_is_told():
    assert not _run(DepthSearch(), lambda depth, *_: depth < 16 or depth > 24).monotone
    assert _run(DepthSearch(), lambda depth, *_: depth < 16).monotone


def test_each_depth_has_its_rate_chosen_on_seeds_that_do_not_test_it():
    asked = []

    def trains(depth, rate, seed):
        asked.append((depth, rate, seed))
        return depth < (20 if rate == 1e-3 else 100 if rate == 3e-4 else 6)

    search = DepthSearch(rates=(3e-4, 1e-3, 3e-3))
    found = _run(search, trains)
    assert 70 < found.d50 < 130
    assert {found.rates[d] for d in found.rates if 20 <= d < 100} == {3e-4}
    assert 32 in found.at_edge
    assert len(asked) == len({*asked}) == found.runs
    assert {s for d, rate, s in asked if rate != found.rates[d]} == {0, 1, 2}
    assert found.saved > 0


def test_it_goes_on_from_what_is_known():
    whole = DepthSearch()
    first = _run(whole, lambda depth, *_: depth < 40)
    resumed = DepthSearch(known={key: dict(ends) for key, ends in whole.known.items()})
    assert resumed.ask() == []
    assert resumed.estimate() == first


def test_before_its_end_there_is_no_estimate():
    with pytest.raises(ValueError, match="not ended"):
        DepthSearch().estimate()


@pytest.mark.parametrize(
    "wrong", [{"lowest": 9, "highest": 8}, {"rates": ()}, {"rates": (1e-3, 1e-2), "tuning": ()}, {"ratio": 1.0}]
)
def test_what_leaves_nothing_to_search_is_refused(wrong):
    with pytest.raises(ValueError, match=r"expected|need"):
        DepthSearch(**wrong)


@given(st.floats(0.05, 0.8), st.floats(8, 200), st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_any_answers_end_in_an_ordered_interval(s, border, seed):
    rng = np.random.default_rng(seed)
    search = DepthSearch()
    found = _run(search, lambda depth, *_: rng.random() < 1 / (1 + (depth / border) ** (1 / s)))
    if found.censored is None:
        assert found.low <= found.d50 <= found.high
    assert found.low is not None or found.high is not None
    assert found.runs <= search.most


def test_the_fit_is_finite_under_separation_and_scales_with_depth():
    middle, low, high, scale = fit({10: (8, 8), 12: (0, 8)})
    assert 8 < low < middle < high < 15
    assert 10 < middle < 12
    assert math.isfinite(scale)
    assert fit({20: (8, 8), 24: (0, 8)})[:3] == pytest.approx((2 * middle, 2 * low, 2 * high), rel=0.01)
    with pytest.raises(ValueError, match="no replicates"):
        fit({4: (0, 0)})


def test_which_arm_trains_deepest_is_said_with_what_is_sure_of_it():
    far, near = locate({8: (8, 8), 64: (8, 8)}), locate({8: (8, 8), 16: (0, 8)})
    close, never = locate({10: (8, 8), 18: (0, 8)}), locate({8: (0, 8), 16: (0, 8)})
    assert deepest({"a": near, "b": far}).startswith("b trains deepest: D50 is > 64 (95 % interval ")
    assert deepest({"a": near, "b": far}).endswith("; the intervals do not overlap.")
    assert deepest({"a": near, "b": close}).endswith("the order is not settled.")
    assert deepest({"a": far, "b": far}).startswith("a and b train deepest, beyond what was tried (> 64)")
    assert deepest({"a": never, "b": never}) == "D50 is < 8 of a and b: half of the seeds train at no depth tried."
    assert deepest({"a": near}) == f"The trainable depth D50 of a is {near}."
