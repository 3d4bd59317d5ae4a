"""Scores of a training."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.stats.scores import StepsTo, log_loss, lr_sensitivity, median_steps, score, smoothed, steps_to
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
def test_a_score_lies_in_0_to_1_and_a_lower_loss_never_lowers_it(losses, at):
    before = score(losses, 120, TEN)
    assert 0 <= before <= 1
    if at < len(losses) and math.isfinite(losses[at]):
        losses[at] /= 2
        assert score(losses, 120, TEN) >= before - 1e-12


@given(st.lists(st.floats(0, 10), max_size=80).map(np.array))
def test_smoothing_keeps_length_and_range(losses):
    found = smoothed(losses, 100)
    assert len(found) == len(losses)
    assert len(losses) == 0 or losses.min() <= found.min() <= found.max() <= losses.max()


def test_steps_to_a_target_are_censored_at_the_budget():
    falling = np.linspace(2, 0, 100)
    met = steps_to(0.99, falling, 100)
    assert met == StepsTo(61, censored=False)  # the median of 20 lags by ten
    assert smoothed(falling, 100)[met.steps - 2] > 0.99 >= smoothed(falling, 100)[met.steps - 1]
    assert steps_to(-1, falling, 100) == StepsTo(100, censored=True)
    assert steps_to(0.5, np.array([2.0, math.nan, 0.1]), 100) == StepsTo(100, censored=True)
    assert steps_to(0.5, np.array([]), 100) == StepsTo(100, censored=True)
    early, late, never = StepsTo(3, censored=False), StepsTo(9, censored=False), StepsTo(5, censored=True)
    assert median_steps([never, late, early]) == late
    assert median_steps([never, never, early]) == never
    assert median_steps([]) is None


def test_sensitivity_to_the_rate():
    assert lr_sensitivity({1e-3: [0.1, 0.1], 1e-2: [0.1]}, TEN) == 0
    assert lr_sensitivity({1e-3: [0.1], 1e-2: [None]}, TEN) == pytest.approx((math.log(10) - 0.1) / 2)
    assert lr_sensitivity({1e-3: [0.1], 1e-2: []}, TEN) is None
    assert lr_sensitivity({}, TEN) is None


def test_the_scale_of_comparisons_has_a_place_for_what_diverged():
    most = math.log(2 * math.log(10))
    assert log_loss(_outcome(0.5), TEN) == pytest.approx(math.log(0.5))
    assert log_loss(_outcome(0.0), TEN) == math.log(1e-3)
    assert log_loss(_outcome(600.0, initial=1e7), TEN) == most
    assert log_loss(_outcome(0.1, finite=False), TEN) == most
    assert log_loss(_outcome(None), TEN) == most
    assert log_loss(_outcome(math.nan), TEN) == log_loss(_outcome(math.inf), TEN) == most
