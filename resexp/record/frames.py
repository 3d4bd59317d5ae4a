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
from resexp.record.rows import METRICS, ScoresBySeed, cell_row, scores_by_seed
from resexp.record.store import COLUMNS, LAYER_COLUMNS, RunDir
from resexp.stats.scores import Scores

FLOATS = {*METRICS, "loss_initial", "loss_lowest", "score", "steps_to_target", "seconds", "clip"}
"""Columns that are floats even if all their values are whole numbers or null."""


class Frames(NamedTuple):
    """The results below a path as data frames; `resexp.load` documents their columns."""

    cells: pd.DataFrame
    replicates: pd.DataFrame
    steps: pd.DataFrame
    layers: pd.DataFrame


def load(path: str | Path = "outputs") -> Frames:
    """Read the results below `path`; see `resexp.load`."""
    results = [*scan([Path(path)])]
    scored = [*zip(results, scores_by_seed(results), strict=True)]
    steps, layers = list[pd.DataFrame](), list[pd.DataFrame]()
    for result in results:
        directory = RunDir(result.path)
        for frames, columns in ((steps, directory.steps()), (layers, directory.layers())):
            if columns:
                frames.append(pd.DataFrame({"id": result.id, **columns}))
    replicates = [
        {"id": result.id, **asdict(r), "verdict": result.verdict(r), "flags": result.flags(r)}
        | scores.get(r.seed, Scores())._asdict()
        for result, scores in scored
        for r in result.replicates
    ]
    cells = cells_table(scored).to_pandas()
    return Frames(
        cells, _table(replicates).to_pandas(), _concatenated(steps, COLUMNS), _concatenated(layers, LAYER_COLUMNS)
    )


def cells_table(scored: Iterable[tuple[CellResult, ScoresBySeed]]) -> pa.Table:
    """Return the frame `cells` as an Arrow table, from results and their scores."""
    return _table([cell_row(result, scores) for result, scores in scored])


def write_parquet(file: Path, table: pa.Table) -> None:
    """Write a table as a Parquet file from which `pandas.read_parquet` reads the same frame."""
    write_atomically(file, lambda stream: pq.write_table(table, stream))


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return a table with a column for each key of any row."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return pa.table({key: _column(key, [row.get(key) for row in rows]) for key in keys})


def _column(key: str, values: list[Any]) -> pa.Array:
    """Return a column; values without a common type become text."""
    try:
        return pa.array(values, pa.float64() if key in FLOATS else pa.string() if key == "error" else None)
    except pa.ArrowException:
        return pa.array([None if value is None else value_text(value) for value in values], pa.string())


def _concatenated(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["id", *columns])
