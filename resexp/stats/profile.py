"""Profiles of measured quantities over steps, replicates and layers, and their summaries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Shapes: T measured steps, R replicates, N layers.

NETWORK = -1
"""The layer number of a quantity of the whole network."""

SUMMARIES = ("rms_gain", "gradient_ratio", "dead_fraction")
"""The keys of `layer_summaries`."""


@dataclass(frozen=True)
class QuantityProfile:
    """One quantity over steps, replicates and layers.

    Attributes:
        steps: (T,).
        seeds: (R,).
        layers: (N,): 0 … L of the stream, 1 … L of blocks, or −1 alone for the whole network.
        values: (T, R, N); NaN if not measured.

    """

    steps: NDArray[np.int64]
    seeds: NDArray[np.int64]
    layers: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def is_network_wide(self) -> bool:
        """Whether it is a quantity of the whole network, without layers."""
        return int(self.layers[0]) == NETWORK

    @property
    def median(self) -> NDArray[np.float64]:
        """The median over the finite replicates, (T, N); NaN if there are none."""
        finite = np.where(np.isfinite(self.values), self.values, np.nan)
        has_finite = np.isfinite(finite).any(1)
        out = np.full(has_finite.shape, np.nan)
        out[has_finite] = np.nanmedian(finite.transpose(0, 2, 1)[has_finite], axis=-1) if has_finite.any() else np.nan
        return out


def profiles(columns: Mapping[str, Any]) -> dict[str, QuantityProfile]:
    """Return a profile of each quantity, by name, from the columns of a layer file.

    Args:
        columns: arrays of equal length: quantity, step, seed, layer, value. May be empty.

    """
    if not columns:
        return {}
    names, name_index = np.unique(columns["quantity"].astype(str), return_inverse=True)
    by_name = {}
    for number, name in enumerate(names):
        rows = name_index == number
        parts = [np.unique(columns[key][rows], return_inverse=True) for key in ("step", "seed", "layer")]
        (steps, t), (seeds, r), (layers, n) = parts
        values = np.full((len(steps), len(seeds), len(layers)), np.nan)
        values[t, r, n] = columns["value"][rows]
        by_name[str(name)] = QuantityProfile(steps, seeds, layers, values)
    return by_name


def layer_summaries(profiles: Mapping[str, QuantityProfile], step: int) -> dict[str, NDArray[np.float64]]:
    """Return the summaries of each replicate at a step, (R,), whose quantities were measured.

    - rms_gain: (RMS h_L/RMS h_0)^(1/L), the growth of the stream per layer.
    - gradient_ratio: ‖∂ℓ/∂h_0‖/‖∂ℓ/∂h_L‖.
    - dead_fraction: the share of dead ReLUs, averaged over the blocks that have any.
    """
    at_step = {name: p.values[p.steps == step][0] for name, p in profiles.items() if (p.steps == step).any()}
    summaries: dict[str, NDArray[np.float64]] = {}
    with np.errstate(all="ignore"):
        if "stream_rms" in at_step:
            log_rms = np.log(at_step["stream_rms"])
            summaries["rms_gain"] = np.exp((log_rms[:, -1] - log_rms[:, 0]) / (log_rms.shape[1] - 1))
        if "stream_grad" in at_step:
            summaries["gradient_ratio"] = at_step["stream_grad"][:, 0] / at_step["stream_grad"][:, -1]
        if "dead_fraction" in at_step:
            dead = at_step["dead_fraction"]
            summaries["dead_fraction"] = np.nansum(dead, 1) / (~np.isnan(dead)).sum(1)
    return summaries
