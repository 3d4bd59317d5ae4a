"""What lies in outputs directories: of a cell, below a path, of a sweep."""

import contextlib
import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from resexp.config.cell import Cell
from resexp.config.errors import InputError
from resexp.config.fingerprint import SCHEMA
from resexp.formats import plural
from resexp.record.cache import Cache
from resexp.record.files import read_json
from resexp.record.migration import is_newer
from resexp.record.result import CellResult, result_for
from resexp.record.store import RESULT, RUN, RunDir, result_from

SWEEP = "sweep.json"
"""The record of a sweep, in a directory of its own: its command, and its cells' paths from there."""

INDEX = ".index.json"
"""What is kept of the cells below the directory it lies in; deleting it loses nothing."""

LOG = logging.getLogger(__name__)

StoredCell = tuple[Mapping[str, Any], str, str]
"""The stored fields of a cell, its name and the absolute path of its directory."""

LEVELS = 3
"""From a run directory up to its outputs directory."""


class CellFailedError(RuntimeError):
    """A cell did not come to its end; the message says why."""


def recorded_result(cell: Cell, error: str | None = None) -> CellResult:
    """What is on the disk of a cell, of the seeds asked for; where it has not ended, `error` says why, if known."""
    directory = RunDir(cell.path)
    if obstacle := directory.obstacle(cell.id):
        return result_for(cell, "failed", error=obstacle)
    result = directory.result(Path(cell.settings.outputs).absolute())
    if result is None:
        return result_for(cell, "waiting" if error else "failed", error=error or "it left nothing behind")
    have = [r for r in result.replicates if r.seed in cell.settings.seed_list]
    if result.status == "done" and len(have) < len(cell.settings.seed_list):
        return result_for(cell, "failed", error="some of its seeds are missing")
    return result_for(
        cell,
        result.status,
        replicates=have,
        reference=result.reference,
        error=result.error or (None if result.status == "done" else error),
        seconds=result.seconds,
        notes=result.notes,
        cost=result.cost,
    )


def metric_value(cell: Cell) -> float:
    """The mean over its seeds of what the cell's `metric` names; the worst value there is, where a seed has none.

    Raises CellFailedError where the cell is not done.
    """
    result, name = recorded_result(cell), cell.settings.metric
    if result.status != "done":
        raise CellFailedError(result.error or result.status)
    values = [getattr(r, name) for r in result.replicates]
    if None in values:
        return 0.0 if name.startswith("accuracy") else math.inf
    return math.fsum(values) / len(values)


def scan(paths: Iterable[Path]) -> Iterator[CellResult]:
    """Every cell below each path, or of the sweep whose record it is. Raises InputError where there is no such path."""
    unreadable = dict[str, int]()
    for root in paths:
        if not root.is_dir():
            raise InputError(f"{root}: no such directory")
        for content, name, path in _cells_of_sweep(root) if is_sweep(root) else _cells_below(root.absolute()):
            if is_newer(content):
                unreadable[path] = content["schema"]
            else:
                yield result_from(content, name, path)
    if unreadable:
        schemas = " and ".join(map(str, sorted({*unreadable.values()})))
        LOG.warning(
            "left out %s of schema %s: this version of resexp reads schemas up to %d (%s)",
            plural(len(unreadable), "cell"), schemas, SCHEMA, next(iter(unreadable)),
        )  # fmt: skip


def index_dir_of(place: Path) -> Path:
    """Where what is kept of the cells below an absolute path lies: there, or in the outputs directory that it is of."""
    return next((p for p in (place, *place.parents[:LEVELS]) if (p / INDEX).is_file()), place)


def _index(home: Path) -> Cache:
    return Cache(home / INDEX, (RESULT, RUN), lambda place: RunDir(place).stored())


def _cells_below(root: Path) -> Iterator[StoredCell]:
    """Yield the cells of every run directory from `root` on."""
    home = index_dir_of(root)
    index, above = _index(home), os.path.join(root, "")
    for place in _run_dirs(root):
        if content := index(place):
            yield content, Path(place[len(above) :]).as_posix() if place != str(root) else root.name, place
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


def _cells_of_sweep(path: Path) -> Iterator[StoredCell]:
    """Yield the cells of a sweep, with its tuning seeds. Raises InputError if its manifest is of a newer schema."""
    about, here = read_json(path / SWEEP) or {}, path.absolute()
    if is_newer(about):
        raise InputError(f"{path}: a sweep of schema {about['schema']}; this version of resexp reads up to {SCHEMA}")
    outputs = os.path.normpath(here / str(about.get("outputs", ".")))
    tuning = {"tuning_seeds": about["tuning_seeds"] or None} if "tuning_seeds" in about else {}  # not its last sweep's
    index = _index(index_dir_of(Path(outputs)))
    cells = about.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        place = os.path.normpath(here / str(cell["path"] if isinstance(cell, dict) and "path" in cell else "."))
        if content := index(place):
            base = outputs if Path(place).is_relative_to(outputs) else os.path.dirname(place)
            tuned = content if is_newer(content) else {**content, "config": content["config"] | tuning}
            yield tuned, Path(os.path.relpath(place, base)).as_posix(), place
    index.save(whole=False)
