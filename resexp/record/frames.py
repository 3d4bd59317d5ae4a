"""Results as data frames."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from resexp.record.files import write_atomically
from resexp.record.filters import value_text
from resexp.record.index import scan
from resexp.record.result import CellResult
from resexp.record.rows import METRICS, BySeed, cell_row, scores_by_seed
from resexp.record.store import COLUMNS, LAYER_COLUMNS, RunDir
from resexp.stats.scores import Scores

FLOATS = {*METRICS, "loss_initial", "loss_lowest", "score", "steps_to_target", "seconds", "clip"}
"""Columns of numbers where all of them, or none, may be whole."""


class Frames(NamedTuple):
    """All results below a path; `resexp.load` says what their columns are."""

    cells: pd.DataFrame
    replicates: pd.DataFrame
    steps: pd.DataFrame
    layers: pd.DataFrame


def load(path: str | Path = "outputs") -> Frames:
    """As `resexp.load`."""
    results = [*scan([Path(path)])]
    found = [*zip(results, scores_by_seed(results), strict=True)]
    steps, layers = list[pd.DataFrame](), list[pd.DataFrame]()
    for result in results:
        place = RunDir(Path(result.path))
        for frames, columns in ((steps, place.steps()), (layers, place.layers())):
            if columns:
                frames.append(pd.DataFrame({"id": result.id, **columns}))
    replicates = [
        {"id": result.id, **asdict(r), "verdict": result.verdict(r), "flags": result.flags(r)}
        | scores.get(r.seed, Scores())._asdict()
        for result, scores in found
        for r in result.replicates
    ]
    cells = cells_table(found).to_pandas()
    return Frames(cells, _table(replicates).to_pandas(), _together(steps, COLUMNS), _together(layers, LAYER_COLUMNS))


def cells_table(found: Iterable[tuple[CellResult, BySeed]]) -> pa.Table:
    """The frame `cells` of results with their scores, as Arrow has it."""
    return _table([cell_row(*one) for one in found])


def write_parquet(file: Path, table: pa.Table) -> None:
    """Write a table; `pandas.read_parquet` gives its frame."""
    write_atomically(file, lambda stream: pq.write_table(table, stream))


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """A column for each key of any row."""
    keys = dict.fromkeys(key for one in rows for key in one)
    return pa.table({key: _column(key, [one.get(key) for one in rows]) for key in keys})


def _column(key: str, values: list[Any]) -> pa.Array:
    """What has no type in common is text."""
    try:
        return pa.array(values, pa.float64() if key in FLOATS else pa.string() if key == "error" else None)
    except pa.ArrowException:
        return pa.array([None if value is None else value_text(value) for value in values], pa.string())


def _together(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["id", *columns])
