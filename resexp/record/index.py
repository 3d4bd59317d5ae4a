"""What lies in outputs directories: of a cell, below a path, of a sweep."""

import contextlib
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from resexp.config.cell import Cell
from resexp.config.errors import InputError
from resexp.record.cache import Cache
from resexp.record.result import CellResult, outcome
from resexp.record.store import RESULT, RUN, RunDir, read_json, revived

SWEEP = "sweep.json"
"""The record of a sweep, in a directory of its own: its command, and its cells' paths from there."""

INDEX = ".index.json"
"""What is kept of the cells below the directory it lies in; deleting it loses nothing."""

LEVELS = 3
"""From a run directory up to its outputs directory."""


class CellFailedError(RuntimeError):
    """A cell did not come to its end; the message says why."""


def recorded(cell: Cell, error: str | None = None) -> CellResult:
    """What is on the disk of a cell, of the seeds asked for; where it has not ended, `error` says why, if known."""
    result = RunDir(cell.path).result(Path(cell.settings.outputs).absolute())
    if result is None:
        return outcome(cell, "waiting" if error else "failed", error=error or "it left nothing behind")
    if result.id != cell.id:
        return outcome(cell, "failed", error=f"another cell lies in its place ({result.id})")
    have = [r for r in result.replicates if r.seed in cell.settings.seed_list]
    if result.status == "done" and len(have) < len(cell.settings.seed_list):
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
    result, name = recorded(cell), cell.settings.metric
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
        yield from _swept(root) if is_sweep(root) else _below(root.absolute())


def home_of(place: Path) -> Path:
    """Where what is kept of the cells below an absolute path lies: there, or in the outputs directory that it is of."""
    return next((p for p in (place, *place.parents[:LEVELS]) if (p / INDEX).is_file()), place)


def _index(home: Path) -> Cache:
    return Cache(home / INDEX, (RESULT, RUN), lambda place: RunDir(place).content())


def _below(root: Path) -> Iterator[CellResult]:
    home = home_of(root)
    index, above = _index(home), os.path.join(root, "")
    for place in _run_dirs(root):
        if content := index(place):
            yield revived(content, Path(place[len(above) :]).as_posix() if place != str(root) else root.name, place)
    index.save(whole=home == root)


def _run_dirs(root: Path) -> list[str]:
    """Every directory from `root` on with a file of a run directory, but for hidden ones and those of a showcase."""
    found, left = list[str](), [str(root)]
    while left:
        place = left.pop()
        inner: list[os.DirEntry[str]] = []
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            inner = [*entries]
        is_run = any(entry.name in (RUN, RESULT) for entry in inner)
        found += [place] * is_run
        outside = {"weights"} if is_run else set[str]()
        outside |= {"showcase"} if place == str(root) else set()
        left += [
            e.path for e in inner if e.name[0] != "." and e.name not in outside and e.is_dir(follow_symlinks=False)
        ]
    return sorted(found, key=lambda place: place.split(os.sep))


def is_sweep(path: Path) -> bool:
    """Whether `path` is the record of a sweep."""
    return (path / SWEEP).is_file()


def _swept(path: Path) -> Iterator[CellResult]:
    """What is on the disk of the cells of a sweep."""
    about, here = read_json(path / SWEEP) or {}, path.absolute()
    outputs = os.path.normpath(here / str(about.get("outputs", ".")))
    tuning = {"tuning_seeds": about["tuning_seeds"] or None} if "tuning_seeds" in about else {}  # not its last sweep's
    index = _index(home_of(Path(outputs)))
    cells = about.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        place = os.path.normpath(here / str(cell["path"] if isinstance(cell, dict) and "path" in cell else "."))
        if content := index(place):
            base = outputs if Path(place).is_relative_to(outputs) else os.path.dirname(place)
            result = revived(content, Path(os.path.relpath(place, base)).as_posix(), place)
            yield replace(result, config=result.config | tuning)
    index.save(whole=False)
