"""A sweep: its cells handed to Hydra's sweeper and launcher, its record, and what came out."""

import os
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig

from resexp.check import Checker, one_line
from resexp.compose import Composer
from resexp.config import Cell
from resexp.grid import GridSweeper
from resexp.launcher.local import LocalLauncher
from resexp.record.result import CellResult, mean, outcome
from resexp.record.store import RunDir, write_json
from resexp.stopping import Stop
from resexp.watch import Watch

Jobs = list[tuple[list[str], Cell]]


class Task:
    """What Hydra's launchers call, here or in another process, with the configuration of each job.

    It returns the metric of the cell, and never raises what a cell may raise.
    """

    def __init__(self, checker: Checker, jobs: Jobs, watch_of: Callable[[Cell], Watch], stop: Stop) -> None:
        self.checker, self.jobs, self.watch_of, self.stop = checker, [job for job, _ in jobs], watch_of, stop

    def __getstate__(self) -> dict[str, Any]:
        return {"checker": self.checker, "jobs": [], "watch_of": _unwatched, "stop": Stop()}

    def __call__(self, config: DictConfig) -> float:
        """Train the cell."""
        from resexp.run import train

        cell = self.checker.cell(config, HydraConfig.get())
        with self.stop.on_signals():
            train(cell, self.watch_of(cell), stop=self.stop, isolate=True)
        return self.metric(cell)

    def metric(self, cell: Cell) -> float:
        """The mean over the seeds asked for, of what `metric` names; NaN where the cell is not done."""
        result = recorded(cell)
        value = mean(getattr(r, cell.dials.metric) for r in result.replicates) if result.status == "done" else None
        return float("nan") if value is None else value


def _unwatched(cell: Cell) -> Watch:
    return lambda event: None


def recorded(cell: Cell) -> CellResult:
    """What is on the disk of a cell, of the seeds asked for; a failure where that is not all of them."""
    result = RunDir(cell.path).result(Path(cell.dials.outputs).absolute())
    if result is None:
        return outcome(cell, "failed", error="it left nothing behind")
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


def sweep(
    composer: Composer, overrides: list[str], jobs: Jobs, watch_of: Callable[[Cell], Watch], stop: Stop
) -> list[CellResult]:
    """Train the cells of a sweep through Hydra; what came out, cell by cell, with those that a sweeper searched out.

    Raises InputError, OSError and KeyboardInterrupt.
    """
    cells = {cell.key: cell for _, cell in jobs}

    def watch(cell: Cell) -> Watch:
        cells.setdefault(cell.key, cell)
        return watch_of(cell)

    _register()
    config = composer.load(overrides, RunMode.MULTIRUN)
    directory = Path(str(config.hydra.sweep.dir)).absolute()
    directory.mkdir(parents=True, exist_ok=True)
    record = directory / "sweep.json"
    _write(record, overrides, cells.values())
    task = Task(composer.checker, jobs, watch, stop)
    given = [*overrides, f"hydra.sweep.dir={_quoted(str(directory))}"]
    try:
        one_line(lambda: composer.hydra.multirun(composer.config_name, task, given))
    finally:
        _write(record, overrides, cells.values())
    return [recorded(cell) for cell in cells.values()]


def _register() -> None:
    """Give Hydra our plugins, which it takes only from modules below hydra_plugins."""
    try:
        import hydra_plugins
    except ImportError:  # there is such a package only where another plugin brings it
        hydra_plugins = sys.modules["hydra_plugins"] = ModuleType("hydra_plugins")
    ours = sys.modules["hydra_plugins.resexp"] = hydra_plugins.resexp = ModuleType("hydra_plugins.resexp")
    for plugin in (GridSweeper, LocalLauncher):
        setattr(ours, plugin.__name__, plugin)
        Plugins.instance().register(plugin)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _write(record: Path, overrides: list[str], cells: Iterable[Cell]) -> None:
    listed = [{"id": cell.id, "path": os.path.relpath(cell.path, record.parent)} for cell in cells]
    about = {"command": sys.argv, "overrides": overrides, "started": datetime.now(UTC).isoformat(timespec="seconds")}
    write_json(record, {**about, "cells": listed})
