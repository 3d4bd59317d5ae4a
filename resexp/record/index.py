"""Find recorded results: of a cell, below a path, of a sweep."""

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
from resexp.record.result import CellResult, missing_seeds, result_for
from resexp.record.store import RESULT, RUN, RunDir, result_from

LOGGER = logging.getLogger(__name__)

SWEEP = "sweep.json"
"""The manifest of a sweep, in a directory of its own: its command, and the paths of its cells relative to it."""

INDEX = ".index.json"
"""The cache of the cells below its directory. It can be deleted at any time."""

LEVELS = 3
"""Directories from a run directory up to its outputs directory."""

StoredCell = tuple[Mapping[str, Any], str, str]
"""The stored fields of a cell, its name, and the absolute path of its run directory."""


class CellFailedError(RuntimeError):
    """A cell is not done; the message is the reason."""


def recorded_result(cell: Cell, error: str | None = None) -> CellResult:
    """Return what is recorded of the seeds of `cell`.

    Args:
        cell: the cell.
        error: the reason to report if the cell is not done and recorded none itself.

    """
    directory = RunDir(cell.path)
    if obstacle := directory.obstacle(cell.id):
        return result_for(cell, "failed", error=obstacle)
    result = directory.result(Path(cell.settings.outputs).absolute())
    if result is None:
        return result_for(cell, "waiting" if error else "failed", error=error or "no result was recorded")
    replicates = [r for r in result.replicates if r.seed in cell.settings.seed_list]
    if result.status == "done" and len(replicates) < len(cell.settings.seed_list):
        return result_for(cell, "failed", error="some of its seeds are missing")
    return result_for(
        cell,
        result.status,
        replicates=replicates,
        reference=result.reference,
        error=result.error or (None if result.status == "done" else error),
        seconds=result.seconds,
        notes=result.notes,
        cost=result.cost,
    )


def finished_result(cell: Cell) -> CellResult | None:
    """Return the recorded result of a cell if all of its seeds are done and have verdicts, else None."""
    result = recorded_result(cell)
    return result if result.status == "done" and result.is_judged and not missing_seeds(cell, result) else None


def metric_value(cell: Cell) -> float:
    """Return the mean over seeds of the cell's `metric`, or the worst possible value if a seed has none.

    Raises:
        CellFailedError: the cell is not done.

    """
    result, name = recorded_result(cell), cell.settings.metric
    if result.status != "done":
        raise CellFailedError(result.error or result.status)
    values = [getattr(r, name) for r in result.replicates]
    if None in values:
        return 0.0 if name.startswith("accuracy") else math.inf
    return math.fsum(values) / len(values)


def scan(paths: Iterable[Path]) -> Iterator[CellResult]:
    """Yield every cell below each path, or the cells of the sweep if a path is the directory of a manifest.

    Cells of a newer schema are left out, with a warning.

    Raises:
        InputError: a path is no directory, or a manifest is of a newer schema.

    """
    newer = dict[str, int]()
    for root in paths:
        if not root.is_dir():
            raise InputError(f"{root}: no such directory")
        for content, name, path in _cells_of_sweep(root) if is_sweep(root) else _cells_below(root.absolute()):
            if is_newer(content):
                newer[path] = content["schema"]
            else:
                yield result_from(content, name, path)
    if newer:
        schemas = " and ".join(map(str, sorted({*newer.values()})))
        count, example = plural(len(newer), "cell"), next(iter(newer))
        LOGGER.warning("left out %s of schema %s; this version reads up to %d (%s)", count, schemas, SCHEMA, example)


def index_dir_of(path: Path) -> Path:
    """Return the directory of the index for cells below an absolute path: an outputs directory above it, or `path`."""
    return next((p for p in (path, *path.parents[:LEVELS]) if (p / INDEX).is_file()), path)


def _index(directory: Path) -> Cache:
    return Cache(directory / INDEX, (RESULT, RUN), lambda path: RunDir(path).stored())


def _cells_below(root: Path) -> Iterator[StoredCell]:
    """Yield the cells of every run directory from `root` on."""
    index_dir = index_dir_of(root)
    index, prefix = _index(index_dir), os.path.join(root, "")
    for path in _run_dirs(root):
        if content := index(path):
            yield content, Path(path[len(prefix) :]).as_posix() if path != str(root) else root.name, path
    index.save(drop_unused=index_dir == root)


def _run_dirs(root: Path) -> list[str]:
    """Return every run directory from `root` on, except hidden ones and those of a showcase."""
    run_dirs, pending = list[str](), [str(root)]
    while pending:
        path = pending.pop()
        entries: list[os.DirEntry[str]] = []
        with contextlib.suppress(OSError), os.scandir(path) as scanned:
            entries = [*scanned]
        is_run_dir = any(entry.name in (RUN, RESULT) for entry in entries)
        run_dirs += [path] * is_run_dir
        skipped = {"weights"} if is_run_dir else set[str]()
        skipped |= {"showcase"} if path == str(root) else set()
        pending += [
            entry.path
            for entry in entries
            if entry.name[0] != "." and entry.name not in skipped and entry.is_dir(follow_symlinks=False)
        ]
    return sorted(run_dirs, key=lambda path: path.split(os.sep))


def is_sweep(path: Path) -> bool:
    """Whether `path` is a directory with the manifest of a sweep."""
    return (path / SWEEP).is_file()


def _cells_of_sweep(directory: Path) -> Iterator[StoredCell]:
    """Yield the recorded cells of a sweep, with the tuning seeds of this sweep rather than those of a later one."""
    manifest, base = read_json(directory / SWEEP) or {}, directory.absolute()
    if is_newer(manifest):
        raise InputError(f"{directory}: a sweep of schema {manifest['schema']}; this version reads up to {SCHEMA}")
    outputs = os.path.normpath(base / str(manifest.get("outputs", ".")))
    tuning = {"tuning_seeds": manifest["tuning_seeds"] or None} if "tuning_seeds" in manifest else {}
    index = _index(index_dir_of(Path(outputs)))
    cells = manifest.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        path = os.path.normpath(base / str(cell["path"] if isinstance(cell, dict) and "path" in cell else "."))
        if content := index(path):
            root = outputs if Path(path).is_relative_to(outputs) else os.path.dirname(path)
            if not is_newer(content):
                content = {**content, "config": content["config"] | tuning}
            yield content, Path(os.path.relpath(path, root)).as_posix(), path
    index.save(drop_unused=False)
