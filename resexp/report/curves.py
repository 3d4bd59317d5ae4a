"""The curves of a cell's replicates as a mean with its band."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resexp.figures.curve_panels import Curve, Values
from resexp.record.result import CellResult
from resexp.record.store import RunDir
from resexp.stats.profile import NETWORK, profiles

# Shapes: R replicates, T steps, N points.

POINTS = 120
"""The most points of a curve."""


def loss_curve(cell: CellResult) -> Curve | None:
    """The minibatch loss over the steps, each point the mean over a few of them; None where nothing is stored."""
    columns = RunDir(Path(cell.path)).steps()
    if columns is None or not len(columns["seed"]):
        return None
    seeds, steps = np.unique(columns["seed"]), int(columns["step"].max()) + 1
    loss_RT = np.full((len(seeds), steps), np.nan)
    loss_RT[np.searchsorted(seeds, columns["seed"]), columns["step"]] = columns["loss"]
    loss_RT = loss_RT[:, : _length(loss_RT)]
    if not loss_RT.shape[1]:
        return None
    starts = np.unique(np.linspace(0, loss_RT.shape[1], POINTS + 1).astype(int)[:-1])
    counts = np.diff([*starts, loss_RT.shape[1]])
    means_RN = np.add.reduceat(loss_RT, starts, axis=1) / counts
    return band(starts + (counts - 1) / 2, means_RN)


def _length(loss_RT: Values) -> int:
    """Steps trained: behind them there may be a validation without a loss."""
    known = np.flatnonzero(~np.isnan(loss_RT).all(axis=0))
    return int(known[-1]) + 1 if len(known) else 0


def band(x: Values, values_RN: Values) -> Curve:
    """Mean, least and largest of what is finite, nan where nothing is; a note where not all replicates last."""
    finite_RN = np.isfinite(values_RN)
    count_N = finite_RN.sum(axis=0)
    mean = np.where(finite_RN, values_RN, 0.0).sum(axis=0) / np.maximum(count_N, 1)
    low = np.where(finite_RN, values_RN, np.inf).min(axis=0)
    high = np.where(finite_RN, values_RN, -np.inf).max(axis=0)
    nothing = count_N == 0
    mean[nothing], low[nothing], high[nothing] = np.nan, np.nan, np.nan
    total, last = len(values_RN), int(count_N[-1])
    return Curve(x, mean, low, high, f"{last} of {total} finite" if last < total else "")


def layer_curves(cell: CellResult) -> Mapping[str, Curve]:
    """By quantity, its course over the layers at the last look; empty where nothing was measured."""
    columns = RunDir(Path(cell.path)).layers()
    found = profiles(columns) if columns and len(columns["seed"]) else {}
    known = {name: p for name, p in found.items() if NETWORK not in p.layers and np.isfinite(p.values[-1]).any()}
    return {name: band(p.layers.astype(float), p.values[-1]) for name, p in known.items()}
