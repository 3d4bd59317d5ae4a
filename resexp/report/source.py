"""The runs that a report covers: those of a sweep, of an outputs directory, or one run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resexp.config.errors import InputError
from resexp.record.files import read_json
from resexp.record.index import SWEEP, is_sweep, scan
from resexp.record.result import CellResult, without_superseded


@dataclass(frozen=True)
class ReportSource:
    """The cells, the manifest of their sweep if there is one, and the default path of the report."""

    results: list[CellResult]
    manifest: dict[str, Any] | None
    output: Path


def find_source(path: Path | None, outputs: Path = Path("outputs")) -> ReportSource:
    """Read the cells below `path`.

    Args:
        path: a sweep, an outputs directory or a run. If None, the last sweep below `outputs`, else all of `outputs`.
        outputs: the outputs directory.

    Raises:
        InputError: the path does not exist or holds no runs.

    """
    directory = path or _last_sweep(outputs) or outputs
    results = without_superseded(_distinct([*scan([directory])]))
    if not results:
        raise InputError(f"{directory}: no runs there yet; start with resexp train +norm=pre depth=48")
    manifest = read_json(directory / SWEEP) if is_sweep(directory) else None
    home = outputs if path is None else _home(directory, manifest)
    return ReportSource(results, manifest, home / "report.html")


def _home(directory: Path, manifest: dict[str, Any] | None) -> Path:
    return Path(os.path.normpath(directory / str(manifest.get("outputs", ".")))) if manifest else directory


def _last_sweep(outputs: Path) -> Path | None:
    """Return the directory of the sweep that was started last; None if there is none."""
    sweeps = [path for path in (outputs / ".sweeps").glob("*") if is_sweep(path)]
    return max(sweeps, key=lambda path: (str((read_json(path / SWEEP) or {}).get("started")), path.name), default=None)


def _distinct(results: list[CellResult]) -> list[CellResult]:
    """Return one result of each cell: of several copies one that is done, then the one with the most replicates."""
    best: dict[str, CellResult] = {}
    for result in results:
        current = best.get(result.id)
        if current is None or _completeness(result) > _completeness(current):
            best[result.id] = result
    return [*best.values()]


def _completeness(result: CellResult) -> tuple[bool, int]:
    return result.status == "done", len(result.replicates)
