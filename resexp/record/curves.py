"""The curves of a cell's replicates, filled during training."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resexp.engine.events import End, Event, Steps, Validation
from resexp.record.result import Replicate, finite_or_none
from resexp.record.store import COLUMNS
from resexp.stats.verdict import lowest_median

# Shapes: R replicates, T steps of the budget; the value at step t is of the weights after t updates.

CURVES = tuple(c for c in COLUMNS if c not in ("seed", "step"))
Table = NDArray[np.float64]


class Curves:
    """Every metric of every step as an array (R, T + 1), NaN if there is no value.

    Args:
        seeds: the seeds of the replicates in training.
        steps: T.
        earlier: the step file's columns of replicates that are already trained; their rows come first.

    """

    def __init__(self, seeds: tuple[int, ...], steps: int, earlier: dict[str, Any] | None = None) -> None:
        columns = earlier or {"seed": np.empty(0, int)}
        old = tuple(int(s) for s in np.unique(columns["seed"]) if s not in seeds)
        self.seeds, self.new = (*old, *seeds), slice(len(old), None)
        self.metrics: dict[str, Table] = {name: np.full((len(self.seeds), steps + 1), np.nan) for name in CURVES}
        for r, seed in enumerate(old):
            rows = columns["seed"] == seed
            for name, table in self.metrics.items():
                table[r, columns["step"][rows]] = columns[name][rows]
        self.length = 0
        """Number of steps recorded so far."""

    def snapshot(self) -> dict[str, Table]:
        """Return the curves so far of the replicates in training."""
        return {name: table[self.new, : self.length + 1] for name, table in self.metrics.items()}

    def restore(self, snapshot: Mapping[str, Table]) -> None:
        """Continue from a snapshot."""
        self.length = snapshot["lr"].shape[1] - 1
        for name, table in self.metrics.items():
            table[self.new, : self.length + 1] = snapshot[name]

    def add(self, event: Event) -> None:
        """Record the values of an event."""
        match event:
            case Steps():
                self.length = event.first + len(event.lr_S)
                at = (self.new, slice(event.first, self.length))
                self.metrics["loss"][at] = event.loss_SR.T
                self.metrics["accuracy"][at] = event.accuracy_SR.T
                self.metrics["grad_norm"][at] = event.grad_norm_SR.T
                self.metrics["lr"][at] = event.lr_S
            case Validation():
                self.metrics["loss_val"][self.new, event.step] = event.loss_R
                self.metrics["accuracy_val"][self.new, event.step] = event.accuracy_R
            case End():
                self.metrics["loss_val"][self.new, event.step] = event.loss_val_R
                self.metrics["accuracy_val"][self.new, event.step] = event.accuracy_val_R

    def columns(self) -> dict[str, Any]:
        """Return the columns of the step file: sorted by seed, a row per step that has any value."""
        tables = np.stack([self.metrics[name] for name in CURVES])
        has_value = ~np.isnan(self.metrics["lr"]) | ~np.isnan(self.metrics["loss_val"])
        for row in range(len(self.seeds)):  # steps after a non-finite one depend on the other replicates of the pack
            has_value[row, self._finite_steps(row) + 1 :] &= self._is_finite(row)
        order = np.argsort(self.seeds)
        r, t = np.nonzero(has_value[order])
        r = order[r]
        return {"seed": np.array(self.seeds)[r], "step": t, **dict(zip(CURVES, tables[:, r, t], strict=True))}

    def replicates(self, end: End | None, measured: Collection[str]) -> list[Replicate]:
        """Return the replicates in training.

        Args:
            end: their final values; None if the training did not end.
            measured: the names of the quantities that diagnostics measured.

        """
        return [self._replicate(r, end, sorted(measured)) for r in range(len(self.seeds))[self.new]]

    def _finite_steps(self, row: int) -> int:
        """Return the number of steps before the first with a non-finite loss or gradient."""
        trained = ~np.isnan(self.metrics["lr"][row])
        finite = np.isfinite(self.metrics["loss"][row]) & np.isfinite(self.metrics["grad_norm"][row])
        failed = trained & ~finite
        return int(failed.argmax()) if failed.any() else int(trained.sum())

    def _is_finite(self, row: int) -> bool:
        return self._finite_steps(row) == int((~np.isnan(self.metrics["lr"][row])).sum())

    def _replicate(self, row: int, end: End | None, measured: list[str]) -> Replicate:
        loss, finite = self.metrics["loss"][row, : self.length], self._is_finite(row)
        r = row - range(len(self.seeds))[self.new].start
        final: dict[str, Any] = {
            name: finite_or_none(getattr(end, f"{name}_R")[r])
            for name in ("loss_train", "accuracy_train", "loss_val", "accuracy_val")
            if end is not None and finite
        }
        return Replicate(
            seed=self.seeds[row],
            steps=self._finite_steps(row),
            finite=finite,
            loss_initial=finite_or_none(loss[0]) if len(loss) else None,
            loss_lowest=lowest_median(loss[: self._finite_steps(row)], self.metrics["loss"].shape[1] - 1),
            measured=measured,
            **final,
        )
