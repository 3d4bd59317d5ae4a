"""Results as data frames."""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from resexp.config import arm_of
from resexp.record.index import scan
from resexp.record.store import COLUMNS, RunDir


class Frames(NamedTuple):
    """All results below a path.

    Attributes:
        cells: a row per cell: id, name, path, status, error, seconds, arm, then every key of the configuration
            (`depth`, `norm`, `optimizer.lr`, …).
        replicates: a row per cell and seed: id, seed, verdict, losses in nats, accuracies in [0, 1], steps.
        steps: a row per cell, seed and step: id, seed, step, loss, accuracy and gradient norm of the minibatch, lr;
            loss_val and accuracy_val where it was validated.

    """

    cells: pd.DataFrame
    replicates: pd.DataFrame
    steps: pd.DataFrame


def load(path: str | Path = "outputs") -> Frames:
    """The results below `path`: an outputs directory or a single run. Raises InputError where there is none."""
    cells, replicates, steps = [], [], []
    for result in scan([Path(path)]):
        plain = {k: getattr(result, k) for k in ("id", "name", "path", "status", "error", "seconds")}
        cells.append({**plain, "arm": arm_of(result.choices), **result.flat})
        replicates += [{"id": result.id, **asdict(r), "verdict": result.verdict(r)} for r in result.replicates]
        columns = RunDir(Path(result.path)).steps()
        if columns:
            steps.append(pd.DataFrame({"id": result.id, **columns}))
    empty = pd.DataFrame(columns=["id", *COLUMNS])
    return Frames(
        pd.DataFrame(cells), pd.DataFrame(replicates), pd.concat(steps, ignore_index=True) if steps else empty
    )
