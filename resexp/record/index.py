"""What lies in outputs directories: of a cell, below a path, of a sweep."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from resexp.config import Cell
from resexp.kinds import InputError
from resexp.record.result import CellResult, outcome
from resexp.record.store import RESULT, RUN, RunDir, read_json

SWEEP = "sweep.json"
"""The record of a sweep, in a directory of its own: its command, and its cells' paths from there."""


def recorded(cell: Cell, error: str | None = None) -> CellResult:
    """What is on the disk of a cell, of the seeds asked for; a failure, because of `error`, where it has not ended."""
    result = RunDir(cell.path).result(Path(cell.dials.outputs).absolute())
    if result is None or (error and result.status == "interrupted"):
        return outcome(cell, "failed", error=error or "it left nothing behind")
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
        error=result.error,
        seconds=result.seconds,
        notes=result.notes,
    )


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
    listed = (read_json(path / SWEEP) or {}).get("cells", [])
    for place in (Path(os.path.normpath(path.absolute() / cell["path"])) for cell in listed):
        outputs = path.absolute().parents[1]
        result = RunDir(place).result(outputs if place.is_relative_to(outputs) else place.parent)
        if result:
            yield result
