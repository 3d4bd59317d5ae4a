"""What was measured inside the replicates of a cell, filled as training goes on."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resexp.engine.events import Layers
from resexp.stats.profile import NETWORK

KEY = "layers"


class LayerTable:
    """Every look at the replicates trained now, and the rows, `earlier`, of those trained before."""

    def __init__(self, seeds: tuple[int, ...], earlier: Mapping[str, Any] | None = None) -> None:
        self.seeds, self.earlier = seeds, earlier
        self.looks: list[Layers] = []

    def add(self, look: Layers) -> None:
        """Take over what an event tells."""
        self.looks.append(look)

    def steps(self, more: object) -> list[int]:
        """The steps of which all is known; of `more` to come those that came before will come again."""
        told = {look.step for look in self.looks}
        return sorted(told if more or not self.earlier else told | {*map(int, np.unique(self.earlier["step"]))})

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All looks as arrays, by names that begin with "layers/"."""
        return {
            f"{KEY}/{look.step}/{look.blocks}/{name}": values
            for look in self.looks
            for name, values in look.values.items()
        }

    def restore(self, snapshot: Mapping[str, NDArray[Any]], wanted: Iterable[str]) -> None:
        """Go on from the wanted quantities of a snapshot."""
        looks: dict[tuple[int, int], dict[str, NDArray[Any]]] = {}
        for path, values in snapshot.items():
            kind, *place = path.split("/")
            if kind == KEY and place[2] in wanted:
                looks.setdefault((int(place[0]), int(place[1])), {})[place[2]] = values
        self.looks = [Layers(step, blocks, values) for (step, blocks), values in sorted(looks.items())]

    def columns(self) -> dict[str, Any] | None:
        """The layer file: by seed and step, a row per quantity and layer; None where nobody looked."""
        known = self.earlier
        parts = [{k: v[~np.isin(known["seed"], self.seeds)] for k, v in known.items()}] if known else []
        parts += [_rows(self.seeds, look, name) for look in self.looks for name in look.values]
        if not parts:
            return None
        table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = np.lexsort((table["step"], table["seed"]))
        return {name: column[order] for name, column in table.items()}


def _rows(seeds: tuple[int, ...], look: Layers, name: str) -> dict[str, Any]:
    values = look.values[name].reshape(len(seeds), -1)
    count = values.shape[1]
    first = NETWORK if look.values[name].ndim == 1 else look.blocks + 1 - count
    return {
        "seed": np.repeat(np.array(seeds, dtype=np.int64), count),
        "step": np.full(values.size, look.step, dtype=np.int64),
        "layer": np.tile(np.arange(first, first + count, dtype=np.int64), len(seeds)),
        "quantity": np.full(values.size, name, dtype=object),
        "value": values.ravel().astype(np.float64),
    }
