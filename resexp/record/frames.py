"""Results as data frames."""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from resexp.config import arm_of
from resexp.record.index import scan
from resexp.record.store import COLUMNS, LAYER_COLUMNS, RunDir


class Frames(NamedTuple):
    """All results below a path.

    Attributes:
        cells: a row per cell: id, name, path, status, error, seconds, arm, then every key of the configuration
            (`depth`, `norm`, `optimizer.lr`, …).
        replicates: a row per cell and seed: id, seed, verdict, losses in nats, accuracies in [0, 1], steps.
        steps: a row per cell, seed and step: id, seed, step, loss, accuracy and gradient norm of the minibatch, lr;
            loss_val and accuracy_val where it was validated.
        layers: with diagnostics, a row per cell, seed, step, quantity and layer: id, seed, step, layer, quantity,
            value; layer 0 … L of the stream, 1 … L of the blocks, −1 of the whole network.

    """

    cells: pd.DataFrame
    replicates: pd.DataFrame
    steps: pd.DataFrame
    layers: pd.DataFrame


def load(path: str | Path = "outputs") -> Frames:
    """The results below `path`: an outputs directory or a single run. Raises InputError where there is none."""
    cells, replicates = [], []
    steps, layers = list[pd.DataFrame](), list[pd.DataFrame]()
    for result in scan([Path(path)]):
        plain = {k: getattr(result, k) for k in ("id", "name", "path", "status", "error", "seconds")}
        cells.append({**plain, "arm": arm_of(result.choices), **result.flat})
        replicates += [{"id": result.id, **asdict(r), "verdict": result.verdict(r)} for r in result.replicates]
        place = RunDir(Path(result.path))
        for frames, columns in ((steps, place.steps()), (layers, place.layers())):
            if columns:
                frames.append(pd.DataFrame({"id": result.id, **columns}))
    return Frames(
        pd.DataFrame(cells), pd.DataFrame(replicates), _together(steps, COLUMNS), _together(layers, LAYER_COLUMNS)
    )


def _together(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["id", *columns])
