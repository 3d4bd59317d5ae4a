"""What lies in outputs directories: of a cell, below a path, of a sweep."""

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from resexp.config import Cell
from resexp.kinds import InputError
from resexp.record.result import CellResult, outcome
from resexp.record.store import RESULT, RUN, RunDir, read_json

SWEEP = "sweep.json"
"""The record of a sweep, in a directory of its own: its command, and its cells' paths from there."""


class CellFailedError(RuntimeError):
    """A cell did not come to its end; the message says why."""


def recorded(cell: Cell, error: str | None = None) -> CellResult:
    """What is on the disk of a cell, of the seeds asked for; where it has not ended, `error` says why, if known."""
    result = RunDir(cell.path).result(Path(cell.dials.outputs).absolute())
    if result is None:
        return outcome(cell, "waiting" if error else "failed", error=error or "it left nothing behind")
    if result.id != cell.id:
        return outcome(cell, "failed", error=f"another cell lies in its place ({result.id})")
    have = [r for r in result.replicates if r.seed in cell.dials.seed_list]
    if result.status == "done" and len(have) < len(cell.dials.seed_list):
        return outcome(cell, "failed", error="some of its seeds are missing")
    return outcome(
        cell,
        result.status,
        replicates=have,
        reference=result.reference,
        error=result.error or (None if result.status == "done" else error),
        seconds=result.seconds,
        notes=result.notes,
        cost=result.cost,
    )


def metric(cell: Cell) -> float:
    """The mean over its seeds of what the cell's `metric` names; the worst value there is, where a seed has none.

    Raises CellFailedError where the cell is not done.
    """
    result, name = recorded(cell), cell.dials.metric
    if result.status != "done":
        raise CellFailedError(result.error or result.status)
    values = [getattr(r, name) for r in result.replicates]
    if None in values:
        return 0.0 if name.startswith("accuracy") else math.inf
    return math.fsum(values) / len(values)


def scan(paths: Iterable[Path]) -> Iterator[CellResult]:
    """Every cell below each path, or of the sweep whose record it is. Raises InputError where there is no such path."""
    for root in paths:
        if not root.is_dir():
            raise InputError(f"{root}: no such directory")
        if is_sweep(root):
            yield from _swept(root)
            continue
        for place in sorted({file.parent for name in (RUN, RESULT) for file in root.rglob(name)}):
            parts = place.relative_to(root).parts
            hidden = parts[:1] == ("showcase",) or any(part.startswith(".") for part in parts)
            if not hidden and (result := RunDir(place).result(root if place != root else root.parent)):
                yield result


def is_sweep(path: Path) -> bool:
    """Whether `path` is the record of a sweep."""
    return (path / SWEEP).is_file()


def _swept(path: Path) -> Iterator[CellResult]:
    """What is on the disk of the cells of a sweep."""
    about, here = read_json(path / SWEEP) or {}, path.absolute()
    outputs = Path(os.path.normpath(here / str(about.get("outputs", "."))))
    for cell in about.get("cells") or []:
        place = Path(os.path.normpath(here / str(cell["path"] if isinstance(cell, dict) and "path" in cell else ".")))
        if result := RunDir(place).result(outputs if place.is_relative_to(outputs) else place.parent):
            yield result
