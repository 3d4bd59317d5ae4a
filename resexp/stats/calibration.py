"""How well the initialization tells which networks will train: limits of signals, judged on what their fit left out.

A network is predicted to train where each of its signals is below its limit: the span of its squared gradients over the
blocks, the cosine between inputs at their end. The limits are judged on groups of cells that their fit did not see, as
an arm or a data set; seeds would be no such groups, for signals at initialization hardly vary by seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Shapes: N cells, S signals.

Array = NDArray[np.float64]
Truth = NDArray[np.bool_]
Rule = Callable[[Array], Truth]
"""From the signals (N, S) of cells to which of them will train (N,)."""


@dataclass(frozen=True)
class Limits:
    """Where each signal is below its limit, (S,), a network is predicted to train."""

    limits: tuple[float, ...]

    def __call__(self, signals_NS: Array) -> Truth:
        """(N,) from (N, S)."""
        return np.asarray((signals_NS < np.asarray(self.limits)).all(1), dtype=bool)


def fit_limits(signals_NS: Array, trained_N: Truth) -> Limits:
    """The limits of highest balanced accuracy, half way between signals; of several as good, those in the middle."""
    choices = [_between(column) for column in signals_NS.T]
    grid = np.stack(np.meshgrid(*choices, indexing="ij"), -1).reshape(-1, len(choices))
    scores = np.array([Confusion.of(Limits(tuple(limits))(signals_NS), trained_N).balanced_accuracy for limits in grid])
    best = grid[scores >= scores.max() - 1e-12]
    middle = [np.sort(column)[len(best) // 2] for column in best.T]
    return Limits(tuple(map(float, best[(best == middle).sum(1).argmax()])))


def fit_majority(signals_NS: Array, trained_N: Truth) -> Rule:
    """Whatever became of most networks becomes of all."""
    most = bool(2 * trained_N.sum() >= len(trained_N))
    return lambda signals: np.full(len(signals), most)


def _between(values: Array) -> Array:
    """Limits that part the values, also below and above all."""
    known = np.unique(values[np.isfinite(values)])
    return np.concatenate(([-np.inf], (known[1:] + known[:-1]) / 2, [np.inf]))


@dataclass(frozen=True)
class Confusion:
    """What was predicted against what came: numbers of cells, named as predicted and then as it came."""

    trained_trained: int
    trained_not: int
    not_trained: int
    not_not: int

    @classmethod
    def of(cls, foretold_N: Truth, trained_N: Truth) -> "Confusion":
        """Count the cells."""
        return cls(*(int((a & b).sum()) for a in (foretold_N, ~foretold_N) for b in (trained_N, ~trained_N)))

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the shares predicted right: of those that trained and of those that did not, if there are any."""
        kinds = (self.trained_trained, self.not_trained), (self.not_not, self.trained_not)
        shares = [right / (right + wrong) for right, wrong in kinds if right + wrong]
        return float(np.mean(shares)) if shares else np.nan


def left_out(fit: Callable[[Array, Truth], Rule], signals_NS: Array, trained_N: Truth, groups: Sequence[str]) -> Truth:
    """What is predicted of each cell (N,) by a rule fitted to all cells but those of its own group."""
    names, foretold_N = np.asarray(groups), np.zeros(len(trained_N), dtype=bool)
    for name in np.unique(names):
        mine = names == name
        foretold_N[mine] = fit(signals_NS[~mine], trained_N[~mine])(signals_NS[mine])
    return foretold_N
