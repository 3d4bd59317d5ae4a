"""The layer diagnostics of a cell's replicates, filled during training."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resexp.engine.events import Layers
from resexp.stats.profile import NETWORK

PREFIX = "layers"


class LayerTable:
    """The measurements of the replicates in training, and the rows of earlier ones.

    Args:
        seeds: the seeds of the replicates in training.
        earlier: the layer file's columns of replicates that are already trained.

    """

    def __init__(self, seeds: tuple[int, ...], earlier: Mapping[str, Any] | None = None) -> None:
        self.seeds, self.earlier = seeds, earlier
        self.measurements: list[Layers] = []

    def add(self, measurement: Layers) -> None:
        """Record a measurement."""
        self.measurements.append(measurement)

    def steps(self, more: object) -> list[int]:
        """Return the steps whose measurements are complete.

        Args:
            more: whether the replicates in training will be measured: then the steps of earlier ones are incomplete.

        """
        steps = {measurement.step for measurement in self.measurements}
        return sorted(steps if more or not self.earlier else steps | {*map(int, np.unique(self.earlier["step"]))})

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return all measurements as arrays, named `layers/<step>/<blocks>/<quantity>`."""
        return {
            f"{PREFIX}/{measurement.step}/{measurement.blocks}/{name}": values
            for measurement in self.measurements
            for name, values in measurement.values.items()
        }

    def restore(self, snapshot: Mapping[str, NDArray[Any]], quantities: Iterable[str]) -> None:
        """Continue from `quantities` of a snapshot."""
        measured: dict[tuple[int, int], dict[str, NDArray[Any]]] = {}
        for key, values in snapshot.items():
            prefix, *rest = key.split("/")
            if prefix == PREFIX and rest[2] in quantities:
                measured.setdefault((int(rest[0]), int(rest[1])), {})[rest[2]] = values
        self.measurements = [Layers(step, blocks, values) for (step, blocks), values in sorted(measured.items())]

    def columns(self) -> dict[str, Any] | None:
        """Return the columns of the layer file: sorted by seed and step, a row per quantity and layer.

        None if nothing was measured.
        """
        earlier = self.earlier
        parts = [{k: v[~np.isin(earlier["seed"], self.seeds)] for k, v in earlier.items()}] if earlier else []
        parts += [_rows(self.seeds, layers, name) for layers in self.measurements for name in layers.values]
        if not parts:
            return None
        table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = np.lexsort((table["step"], table["seed"]))
        return {name: column[order] for name, column in table.items()}


def _rows(seeds: tuple[int, ...], layers: Layers, name: str) -> dict[str, Any]:
    values = layers.values[name].reshape(len(seeds), -1)
    count = values.shape[1]
    first = NETWORK if layers.values[name].ndim == 1 else layers.blocks + 1 - count
    return {
        "seed": np.repeat(np.array(seeds, dtype=np.int64), count),
        "step": np.full(values.size, layers.step, dtype=np.int64),
        "layer": np.tile(np.arange(first, first + count, dtype=np.int64), len(seeds)),
        "quantity": np.full(values.size, name, dtype=object),
        "value": values.ravel().astype(np.float64),
    }
