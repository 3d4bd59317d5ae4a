"""Rules that predict from measurements at initialization whether a network trains, judged on held-out groups.

A network is predicted to train if each of its signals is below its limit: the span of its squared gradients over the
blocks, the cosine between inputs at their end. Rules are judged on groups of cells that their fit did not see, such as
an arm or a data set; seeds are not such groups, since signals at initialization hardly vary by seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Shapes: N cells, S signals.

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rule = Callable[[Array], Mask]
"""Predicts from the signals (N, S) of cells which of them train, (N,)."""


@dataclass(frozen=True)
class SignalLimits:
    """The rule that a network trains if each signal is below its limit, (S,)."""

    limits: tuple[float, ...]

    def __call__(self, signals_NS: Array) -> Mask:
        """Predict from signals (N, S) which networks train, (N,)."""
        return np.asarray((signals_NS < np.asarray(self.limits)).all(1), dtype=bool)


def fit_limits(signals_NS: Array, trained_N: Mask) -> SignalLimits:
    """Return the limits with the highest balanced accuracy.

    Candidates are midpoints between adjacent values of a signal, and ±∞; of several best ones, those in the middle.
    """
    candidates = [_midpoints(column) for column in signals_NS.T]
    grid = np.stack(np.meshgrid(*candidates, indexing="ij"), -1).reshape(-1, len(candidates))
    predictions = (SignalLimits(tuple(limits))(signals_NS) for limits in grid)
    scores = np.array([ConfusionMatrix.of(predicted_N, trained_N).balanced_accuracy for predicted_N in predictions])
    best = grid[scores >= scores.max() - 1e-12]
    middle = [np.sort(column)[len(best) // 2] for column in best.T]
    return SignalLimits(tuple(map(float, best[(best == middle).sum(1).argmax()])))


def fit_majority(signals_NS: Array, trained_N: Mask) -> Rule:
    """Return the rule that predicts the more frequent outcome for every network."""
    majority = bool(2 * trained_N.sum() >= len(trained_N))
    return lambda signals: np.full(len(signals), majority)


def _midpoints(values: Array) -> Array:
    """Return −∞, the midpoints between the distinct finite values, and ∞."""
    distinct = np.unique(values[np.isfinite(values)])
    return np.concatenate(([-np.inf], (distinct[1:] + distinct[:-1]) / 2, [np.inf]))


@dataclass(frozen=True)
class ConfusionMatrix:
    """Numbers of cells by predicted outcome, named first, and actual outcome."""

    trained_trained: int
    trained_not: int
    not_trained: int
    not_not: int

    @classmethod
    def of(cls, predicted_N: Mask, trained_N: Mask) -> "ConfusionMatrix":
        """Count cells by prediction and outcome."""
        return cls(*(int((a & b).sum()) for a in (predicted_N, ~predicted_N) for b in (trained_N, ~trained_N)))

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the true positive and the true negative rate; if one class is empty, the other's rate."""
        classes = (self.trained_trained, self.not_trained), (self.not_not, self.trained_not)
        rates = [right / (right + wrong) for right, wrong in classes if right + wrong]
        return float(np.mean(rates)) if rates else np.nan


def predict_left_out(
    fit: Callable[[Array, Mask], Rule], signals_NS: Array, trained_N: Mask, groups: Sequence[str]
) -> Mask:
    """Predict each cell (N,) by a rule fitted to the cells of all other groups (leave one group out)."""
    names, predicted_N = np.asarray(groups), np.zeros(len(trained_N), dtype=bool)
    for name in np.unique(names):
        held_out_N = names == name
        predicted_N[held_out_N] = fit(signals_NS[~held_out_N], trained_N[~held_out_N])(signals_NS[held_out_N])
    return predicted_N
