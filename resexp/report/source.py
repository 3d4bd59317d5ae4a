"""What a report is about: a sweep, an outputs directory, or a run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resexp.config.errors import InputError
from resexp.record.files import read_json
from resexp.record.index import SWEEP, is_sweep, scan
from resexp.record.result import CellResult, without_superseded


@dataclass(frozen=True)
class Source:
    """The cells, the record of their sweep if there is one, and where the report goes by default."""

    results: list[CellResult]
    sweep: dict[str, Any] | None
    output: Path


def source(path: Path | None, outputs: Path = Path("outputs")) -> Source:
    """The cells of `path`; of the last sweep below `outputs`, or of all that lies there, where no path is given.

    Raises InputError where there is no such path, or nothing in it.
    """
    place = path or _last_sweep(outputs) or outputs
    results = without_superseded(_distinct([*scan([place])]))
    if not results:
        raise InputError(f"{place}: no runs there yet; resexp train +norm=pre depth=48 is a start")
    record = read_json(place / SWEEP) if is_sweep(place) else None
    home = outputs if path is None else _home(place, record)
    return Source(results, record, home / "report.html")


def _home(place: Path, record: dict[str, Any] | None) -> Path:
    return Path(os.path.normpath(place / str(record.get("outputs", ".")))) if record else place


def _last_sweep(outputs: Path) -> Path | None:
    """The record of the sweep that was started last."""
    records = [path for path in (outputs / ".sweeps").glob("*") if is_sweep(path)]
    return max(records, key=lambda path: (str((read_json(path / SWEEP) or {}).get("started")), path.name), default=None)


def _distinct(results: list[CellResult]) -> list[CellResult]:
    """One of each cell: where it lies in two places, the one with more replicates done."""
    best: dict[str, CellResult] = {}
    for result in results:
        rank = (result.status == "done", len(result.replicates))
        known = best.get(result.id)
        if known is None or rank > (known.status == "done", len(known.replicates)):
            best[result.id] = result
    return [*best.values()]
