"""The search for the trainable depth, on simulated arms of known D50."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.stats.depth import DepthSearch, TrialOutcome
from resexp.stats.logistic import fit_logistic
from resexp.stats.shares import Share


def _run(search, trains):
    """Run a search on simulated replicates, `trains(depth, rate, seed)`, and return its estimate."""
    rounds = 0
    while trials := search.ask():
        rounds += 1
        assert rounds < 100
        for trial in trials:
            trained = {s: trains(trial.depth, trial.rate, s) for s in trial.seeds}
            outcomes = {s: TrialOutcome(ok, 0.1 if ok else None) for s, ok in trained.items()}
            search.tell(trial.depth, trial.rate, outcomes)
    return search.estimate()


@given(st.integers(5, 256).map(lambda failing: failing - 0.5))
def test_a_sharp_boundary_is_located_to_the_ratio(boundary):
    estimate = _run(DepthSearch(), lambda depth, *_: depth < boundary)
    assert boundary / 1.3 <= estimate.d50 <= boundary * 1.3
    assert estimate.low <= boundary <= estimate.high
    assert (estimate.censored, estimate.monotone) == (None, True)


def test_d50_is_censored_if_all_or_no_depths_train():
    deep = _run(DepthSearch(), lambda *_: True)
    assert (deep.d50, deep.censored, deep.high) == (None, "> 256", None)
    assert 128 < deep.low <= 256
    never = _run(DepthSearch(), lambda *_: False)
    assert (never.d50, never.censored, never.low) == (None, "< 4", None)
    assert 4 <= never.high < 8


def test_training_beyond_the_failing_depth_is_reported_as_not_monotone():
    assert not _run(DepthSearch(), lambda depth, *_: depth < 16 or depth > 24).monotone
    assert _run(DepthSearch(), lambda depth, *_: depth < 16).monotone


def test_the_rate_of_each_depth_is_chosen_on_separate_seeds():
    asked = []

    def trains(depth, rate, seed):
        asked.append((depth, rate, seed))
        return depth < (20 if rate == 1e-3 else 100 if rate == 3e-4 else 6)

    search = DepthSearch(rates=(3e-4, 1e-3, 3e-3))
    estimate = _run(search, trains)
    assert 70 < estimate.d50 < 130
    assert {estimate.rates[d] for d in estimate.rates if 20 <= d < 100} == {3e-4}
    assert 32 in estimate.at_edge
    assert len(asked) == len({*asked}) == estimate.runs
    assert {s for d, rate, s in asked if rate != estimate.rates[d]} == {0, 1, 2}
    assert estimate.saved > 0


def test_a_search_resumes_from_recorded_outcomes():
    complete = DepthSearch()
    first = _run(complete, lambda depth, *_: depth < 40)
    resumed = DepthSearch(outcomes={key: dict(by_seed) for key, by_seed in complete.outcomes.items()})
    assert resumed.ask() == []
    assert resumed.estimate() == first


def test_an_unfinished_search_has_no_estimate():
    with pytest.raises(ValueError, match="not ended"):
        DepthSearch().estimate()


@pytest.mark.parametrize(
    "wrong", [{"lowest": 9, "highest": 8}, {"rates": ()}, {"rates": (1e-3, 1e-2), "tuning_seeds": ()}, {"ratio": 1.0}]
)
def test_invalid_searches_are_refused(wrong):
    with pytest.raises(ValueError, match=r"expected|need"):
        DepthSearch(**wrong)


@given(st.floats(0.05, 0.8), st.floats(8, 200), st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_any_outcomes_lead_to_an_ordered_interval(s, d50, seed):
    rng = np.random.default_rng(seed)
    search = DepthSearch()
    estimate = _run(search, lambda depth, *_: rng.random() < 1 / (1 + (depth / d50) ** (1 / s)))
    if estimate.censored is None:
        assert estimate.low <= estimate.d50 <= estimate.high
    assert estimate.low is not None or estimate.high is not None
    assert estimate.runs <= search.max_runs


def test_the_fit_is_finite_under_separation_and_scales_with_depth():
    d50, low, high, scale = fit_logistic({10: Share(8, 8), 12: Share(0, 8)})
    assert 8 < low < d50 < high < 15
    assert 10 < d50 < 12
    assert math.isfinite(scale)
    doubled = fit_logistic({20: Share(8, 8), 24: Share(0, 8)})
    assert doubled[:3] == pytest.approx((2 * d50, 2 * low, 2 * high), rel=0.01)
    with pytest.raises(ValueError, match="no replicates"):
        fit_logistic({4: Share(0, 0)})
