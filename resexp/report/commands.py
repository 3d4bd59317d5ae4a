"""How the runs of a report were made: their commands and the environments they were trained in."""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from resexp.record.files import read_json
from resexp.record.result import CellResult
from resexp.record.store import RUN


def sweep_command(manifest: dict[str, Any] | None) -> str | None:
    """Return the command line of a sweep; None if there is no manifest or it does not record one."""
    argv = (manifest or {}).get("command")
    return shlex.join(["resexp", *map(str, argv[1:])]) if isinstance(argv, list) and len(argv) > 1 else None


def run_command(cell: CellResult) -> str | None:
    """Return the command line that trains a cell, from its last training; None if it is not recorded."""
    trainings = _trainings(cell)
    overrides = trainings[-1].get("overrides") if trainings else None
    return shlex.join(["resexp", "train", *map(str, overrides)]) if isinstance(overrides, list) else None


def environments(results: Iterable[CellResult]) -> list[dict[str, str]]:
    """Return the distinct environments of all trainings: commit, device, versions of Python and packages."""
    return [dict(items) for items in dict.fromkeys(tuple(e.items()) for cell in results for e in _environments(cell))]


def _trainings(cell: CellResult) -> list[dict[str, Any]]:
    trainings = (read_json(Path(cell.path) / RUN) or {}).get("trainings")
    return [t for t in trainings if isinstance(t, dict)] if isinstance(trainings, list) else []


def _environments(cell: CellResult) -> Iterator[dict[str, str]]:
    for training in _trainings(cell):
        versions = training.get("versions")
        packages = versions.items() if isinstance(versions, dict) else ()
        yield {
            "git commit": str(training.get("git") or "not in a checkout"),
            "device": str(training.get("device", "unknown")),
            "Python": str(training.get("python", "unknown")),
            **{str(name): str(version) for name, version in packages},
        }
