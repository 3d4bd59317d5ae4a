"""Rules fitted to signals, and their accuracy on held-out groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.stats.calibration import ConfusionMatrix, SignalLimits, fit_limits, fit_majority, predict_left_out


@given(st.integers(0, 200), st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_limits_that_separate_all_cells_are_recovered(seed, first, second):
    signals = np.random.default_rng(seed).random((12, 2))
    trained = SignalLimits((first, second))(signals)
    assert (fit_limits(signals, trained)(signals) == trained).all()


def test_signals_that_are_not_finite_never_predict_training():
    signals = np.array([[0.1], [0.2], [0.8], [np.inf], [np.nan]])
    limits = fit_limits(signals, np.array([True, True, False, False, False]))
    assert limits(signals).tolist() == [True, True, False, False, False]
    assert limits.limits == pytest.approx((0.5,))


def test_balanced_accuracy_weighs_both_classes_equally():
    trained = np.array([True] * 8 + [False] * 2)
    matrix = ConfusionMatrix.of(np.array([True] * 9 + [False]), trained)
    assert matrix == ConfusionMatrix(8, 1, 0, 1)
    assert matrix.balanced_accuracy == 0.75
    assert (
        ConfusionMatrix.of(fit_majority(trained[:, None], trained)(trained[:, None]), trained).balanced_accuracy == 0.5
    )
    assert ConfusionMatrix.of(trained[:3], trained[:3]).balanced_accuracy == 1  # one class alone
    assert np.isnan(ConfusionMatrix(0, 0, 0, 0).balanced_accuracy)


def test_each_group_is_predicted_from_the_others():
    """The limit of group b is at 0.25; without it the fitted limit is higher, so 0.3 is predicted to train."""
    signals = np.array([[0.1], [0.9], [0.2], [0.3]])
    trained = np.array([True, False, True, False])
    assert predict_left_out(fit_limits, signals, trained, ["a", "a", "b", "b"]).tolist() == [True, False, True, True]
