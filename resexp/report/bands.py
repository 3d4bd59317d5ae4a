"""Curves of a cell: the mean over its replicates with a band."""

from collections.abc import Mapping

import numpy as np

from resexp.figures.curve_panels import Curve, Values
from resexp.record.result import CellResult
from resexp.record.store import RunDir
from resexp.stats.profile import profiles

# Shapes: R replicates, T steps, N points.

MAX_POINTS = 120
"""The most points of a curve."""


def loss_curve(cell: CellResult) -> Curve | None:
    """Return the minibatch loss over the steps, each point a mean over a few of them; None if no loss is stored."""
    columns = RunDir(cell.path).steps()
    if columns is None or not len(columns["seed"]):
        return None
    seeds, steps = np.unique(columns["seed"]), int(columns["step"].max()) + 1
    loss_RT = np.full((len(seeds), steps), np.nan)
    loss_RT[np.searchsorted(seeds, columns["seed"]), columns["step"]] = columns["loss"]
    loss_RT = loss_RT[:, : _trained_steps(loss_RT)]
    if not loss_RT.shape[1]:
        return None
    starts = np.unique(np.linspace(0, loss_RT.shape[1], MAX_POINTS + 1).astype(int)[:-1])
    counts = np.diff([*starts, loss_RT.shape[1]])
    means_RN = np.add.reduceat(loss_RT, starts, axis=1) / counts
    return mean_band(starts + (counts - 1) / 2, means_RN)


def _trained_steps(loss_RT: Values) -> int:
    """Return the number of trained steps; a last row may hold a validation without a training loss."""
    stored = np.flatnonzero(~np.isnan(loss_RT).all(axis=0))
    return int(stored[-1]) + 1 if len(stored) else 0


def mean_band(x: Values, values_RN: Values) -> Curve:
    """Return mean, least and largest of the finite replicates at each point, NaN if there are none.

    The curve's note gives the number of replicates that are finite at the last point, unless all are.
    """
    finite_RN = np.isfinite(values_RN)
    count_N = finite_RN.sum(axis=0)
    mean = np.where(finite_RN, values_RN, 0.0).sum(axis=0) / np.maximum(count_N, 1)
    low = np.where(finite_RN, values_RN, np.inf).min(axis=0)
    high = np.where(finite_RN, values_RN, -np.inf).max(axis=0)
    empty_N = count_N == 0
    mean[empty_N], low[empty_N], high[empty_N] = np.nan, np.nan, np.nan
    total, last = len(values_RN), int(count_N[-1])
    return Curve(x, mean, low, high, f"{last} of {total} finite" if last < total else "")


def layer_curves(cell: CellResult) -> Mapping[str, Curve]:
    """Return each layerwise quantity over the layers at its last measurement; empty if nothing was measured."""
    columns = RunDir(cell.path).layers()
    measured = profiles(columns) if columns and len(columns["seed"]) else {}
    layerwise = {
        name: profile
        for name, profile in measured.items()
        if not profile.is_network_wide and np.isfinite(profile.values[-1]).any()
    }
    return {name: mean_band(p.layers.astype(float), p.values[-1]) for name, p in layerwise.items()}
