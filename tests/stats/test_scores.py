"""Scores, steps to target and sensitivity."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.stats.scores import (
    StepsToTarget,
    log_loss,
    lr_sensitivity,
    median_steps,
    running_median,
    score,
    steps_to_target,
)
from resexp.stats.verdict import Outcome, Reference

TEN = Reference(math.log(10), 0.0, 0.1, 1438)
curves = st.lists(st.one_of(st.floats(0, 10), st.just(math.nan)), max_size=120).map(np.array)


def _outcome(end, *, finite=True, initial=2.4):
    return Outcome(finite, initial, end, 0.5, end)


def test_the_score_of_known_curves():
    assert score(np.zeros(300), 300, TEN) == 1
    assert score(np.full(300, math.log(10)), 300, TEN) == 0
    assert score(np.full(300, 1e7), 300, TEN) == 0
    assert score(np.repeat([1e7, 0.0], 150), 300, TEN) == pytest.approx(0.5, abs=0.05)
    assert score(np.repeat([0.0, math.nan], 150), 300, TEN) == pytest.approx(0.5)
    assert score(np.array([]), 300, TEN) == 0
    assert score(np.zeros(300), 300, Reference(2.3, None, 0.1, 1438)) is None


@given(curves, st.integers(0, 119))
def test_the_score_lies_in_0_to_1_and_a_lower_loss_never_lowers_it(losses, at):
    before = score(losses, 120, TEN)
    assert 0 <= before <= 1
    if at < len(losses) and math.isfinite(losses[at]):
        losses[at] /= 2
        assert score(losses, 120, TEN) >= before - 1e-12


@given(st.lists(st.floats(0, 10), max_size=80).map(np.array))
def test_the_running_median_keeps_length_and_range(losses):
    medians = running_median(losses, 100)
    assert len(medians) == len(losses)
    assert len(losses) == 0 or losses.min() <= medians.min() <= medians.max() <= losses.max()


def test_steps_to_a_target_are_censored_at_the_budget():
    falling = np.linspace(2, 0, 100)
    reached = steps_to_target(0.99, falling, 100)
    assert reached == StepsToTarget(61, censored=False)  # the median of 20 lags by ten
    assert running_median(falling, 100)[reached.steps - 2] > 0.99 >= running_median(falling, 100)[reached.steps - 1]
    assert steps_to_target(-1, falling, 100) == StepsToTarget(100, censored=True)
    assert steps_to_target(0.5, np.array([2.0, math.nan, 0.1]), 100) == StepsToTarget(100, censored=True)
    assert steps_to_target(0.5, np.array([]), 100) == StepsToTarget(100, censored=True)
    early, late = StepsToTarget(3, censored=False), StepsToTarget(9, censored=False)
    never = StepsToTarget(5, censored=True)
    assert median_steps([never, late, early]) == late
    assert median_steps([never, never, early]) == never
    assert median_steps([]) is None


def test_the_sensitivity_is_the_mean_excess_loss_over_the_best_rate():
    assert lr_sensitivity({1e-3: [0.1, 0.1], 1e-2: [0.1]}, TEN) == 0
    assert lr_sensitivity({1e-3: [0.1], 1e-2: [None]}, TEN) == pytest.approx((math.log(10) - 0.1) / 2)
    assert lr_sensitivity({1e-3: [0.1], 1e-2: []}, TEN) is None
    assert lr_sensitivity({}, TEN) is None


def test_diverged_replicates_have_the_largest_log_loss():
    most = math.log(2 * math.log(10))
    assert log_loss(_outcome(0.5), TEN) == pytest.approx(math.log(0.5))
    assert log_loss(_outcome(0.0), TEN) == math.log(1e-3)
    assert log_loss(_outcome(600.0, initial=1e7), TEN) == most
    assert log_loss(_outcome(0.1, finite=False), TEN) == most
    assert log_loss(_outcome(None), TEN) == most
    assert log_loss(_outcome(math.nan), TEN) == log_loss(_outcome(math.inf), TEN) == most
