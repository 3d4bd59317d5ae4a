"""Limits are found where they are, and judged on what their fit did not see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.stats.calibration import Confusion, Limits, fit_limits, fit_majority, left_out


@given(st.integers(0, 200), st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_limits_that_part_all_cells_are_found(seed, first, second):
    signals = np.random.default_rng(seed).random((12, 2))
    trained = Limits((first, second))(signals)
    assert (fit_limits(signals, trained)(signals) == trained).all()


def test_signals_that_are_not_finite_never_foretell_training():
    signals = np.array([[0.1], [0.2], [0.8], [np.inf], [np.nan]])
    limits = fit_limits(signals, np.array([True, True, False, False, False]))
    assert limits(signals).tolist() == [True, True, False, False, False]
    assert limits.limits == pytest.approx((0.5,))


def test_balanced_accuracy_weighs_both_kinds_alike():
    trained = np.array([True] * 8 + [False] * 2)
    found = Confusion.of(np.array([True] * 9 + [False]), trained)
    assert found == Confusion(8, 1, 0, 1)
    assert found.balanced_accuracy == 0.75
    assert Confusion.of(fit_majority(trained[:, None], trained)(trained[:, None]), trained).balanced_accuracy == 0.5
    assert Confusion.of(trained[:3], trained[:3]).balanced_accuracy == 1  # of one kind alone
    assert np.isnan(Confusion(0, 0, 0, 0).balanced_accuracy)


def test_a_group_is_judged_by_what_the_others_tell():
    """Group b ends at 0.25, of which the others know nothing; they hold 0.3 for trained."""
    signals = np.array([[0.1], [0.9], [0.2], [0.3]])
    trained = np.array([True, False, True, False])
    assert left_out(fit_limits, signals, trained, ["a", "a", "b", "b"]).tolist() == [True, False, True, True]
