"""What was measured inside, quantity by quantity, and what it tells in a few numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Shapes: T looks, R replicates, N layers.

NETWORK = -1
"""Stands where a layer has its number for the whole network."""

SIGNALS = ("rms_gain", "gradient_ratio", "dead_fraction")
"""What `signals` can tell."""


@dataclass(frozen=True)
class Profile:
    """A quantity at `steps` (T,) of `seeds` (R,) in `layers` (N,): `values` (T, R, N), NaN where there is none.

    Layers are 0 … L of the stream, 1 … L of blocks, −1 alone of the whole network.
    """

    steps: NDArray[np.int64]
    seeds: NDArray[np.int64]
    layers: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def is_of_network(self) -> bool:
        """Whether it is of the network as a whole, and has no layers."""
        return int(self.layers[0]) == NETWORK

    @property
    def middle(self) -> NDArray[np.float64]:
        """The median over the replicates that are finite, (T, N)."""
        finite = np.where(np.isfinite(self.values), self.values, np.nan)
        known = np.isfinite(finite).any(1)
        out = np.full(known.shape, np.nan)
        out[known] = np.nanmedian(finite.transpose(0, 2, 1)[known], axis=-1) if known.any() else np.nan
        return out


def profiles(columns: Mapping[str, Any]) -> dict[str, Profile]:
    """From the columns of a layer file to a profile of each quantity."""
    if not columns:
        return {}
    names, which = np.unique(columns["quantity"].astype(str), return_inverse=True)
    found = {}
    for number, name in enumerate(names):
        rows = which == number
        parts = [np.unique(columns[key][rows], return_inverse=True) for key in ("step", "seed", "layer")]
        (steps, t), (seeds, r), (layers, n) = parts
        values = np.full((len(steps), len(seeds), len(layers)), np.nan)
        values[t, r, n] = columns["value"][rows]
        found[str(name)] = Profile(steps, seeds, layers, values)
    return found


def signals(profiles: Mapping[str, Profile], step: int) -> dict[str, NDArray[np.float64]]:
    """A few numbers of each replicate at a step, (R,): those of `SIGNALS` that can be told.

    rms_gain: (RMS h_L/RMS h_0)^(1/L), by which the stream grows a layer. gradient_ratio: ‖∂ℓ/∂h_0‖/‖∂ℓ/∂h_L‖.
    dead_fraction: the share of dead ReLUs, averaged over the blocks that have any.
    """
    at = {name: p.values[p.steps == step][0] for name, p in profiles.items() if (p.steps == step).any()}
    found: dict[str, NDArray[np.float64]] = {}
    with np.errstate(all="ignore"):
        if "stream_rms" in at:
            rms = np.log(at["stream_rms"])
            found["rms_gain"] = np.exp((rms[:, -1] - rms[:, 0]) / (rms.shape[1] - 1))
        if "stream_grad" in at:
            found["gradient_ratio"] = at["stream_grad"][:, 0] / at["stream_grad"][:, -1]
        if "dead_fraction" in at:
            dead = at["dead_fraction"]
            found["dead_fraction"] = np.nansum(dead, 1) / (~np.isnan(dead)).sum(1)
    return found
