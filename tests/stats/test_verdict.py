"""Verdicts and flags."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.stats.verdict import Outcome, Reference, constant_loss, flags, lowest_median, verdict

TEN = Reference(loss_constant=math.log(10), loss_reference=0.0, majority=0.1, samples=1438)


def _outcome(end, *, accuracy=0.5, initial=2.4, lowest=None, finite=True):
    return Outcome(finite, initial, end, accuracy, end if lowest is None else lowest)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (_outcome(0.0), "trained"),
        (_outcome(TEN.loss_target), "trained"),
        (_outcome(0.2 * math.log(10) + 1e-6), "slow"),
        (_outcome(2.3, accuracy=0.11), "stuck"),
        (_outcome(2.3, accuracy=0.2), "slow"),
        (_outcome(5.0), "diverged"),
        (_outcome(5.0, initial=6.0), "slow"),
        (_outcome(0.0, finite=False), "diverged"),
        (_outcome(None), "diverged"),
        (_outcome(600.0, initial=1e7, accuracy=0.4), "slow"),
    ],
)
def test_the_first_rule_that_applies_decides(outcome, expected):
    assert verdict(outcome, TEN) == expected


def test_without_a_target_loss_only_divergence_is_a_verdict():
    unknown = Reference(2.3, None, 0.1, 1438)
    weak = Reference(2.3, 1.9, 0.1, 1438)
    for reference in (unknown, weak):
        assert reference.loss_target is None
        assert verdict(_outcome(0.0), reference) is None
        assert verdict(_outcome(0.0, finite=False), reference) == "diverged"


def test_flags_of_a_replicate():
    assert flags(_outcome(2.0, lowest=0.1), TEN) == ["collapsed"]
    assert flags(_outcome(600.0, initial=1e7), TEN) == ["exploding"]
    assert flags(_outcome(0.1), TEN) == []
    assert flags(_outcome(600.0, initial=2.0), TEN) == []  # diverged, not exploding


@given(st.lists(st.integers(0, 5), min_size=1))
def test_no_constant_predictor_beats_the_entropy_of_the_targets(targets):
    zero, majority = constant_loss(targets)
    guesses = np.random.default_rng(0).dirichlet(np.ones(6), 50)
    losses = -np.log(guesses[:, targets]).mean(1)
    assert (losses >= zero - 1e-9).all()
    assert majority == max(targets.count(t) for t in targets) / len(targets)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200), st.integers(1, 400))
def test_the_lowest_running_median_lies_within_the_losses(losses, steps):
    value = lowest_median(np.array(losses), steps)
    assert value is not None
    assert min(losses) <= value <= max(losses)


def test_the_lowest_median_ignores_windows_that_are_not_finite():
    assert lowest_median(np.array([math.nan] * 30), 30) is None
    assert lowest_median(np.array([]), 30) is None
    assert lowest_median(np.array([1.0] * 40 + [math.nan]), 41) == 1.0
