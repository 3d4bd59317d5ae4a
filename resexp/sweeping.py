"""A sweep: its cells handed to Hydra's sweeper and launcher, its record, and what came out."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
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
from resexp.config import DIGITS, Cell
from resexp.grid import GridSweeper
from resexp.kinds import InputError
from resexp.launcher.local import LocalLauncher, share
from resexp.launcher.pool import Pool
from resexp.launcher.worker import Place
from resexp.record.index import SWEEP, recorded
from resexp.record.result import CellResult, mean
from resexp.record.store import RESULT, RunDir, write_json
from resexp.stopping import Stop
from resexp.watch import Ended, Watch

Jobs = list[tuple[list[str], Cell]]


class Task:
    """What Hydra's launchers call, here or on another machine, with the configuration of each job.

    The cell is trained in a process of its own, so that nothing that befalls it befalls the job. It returns the metric.
    """

    def __init__(self, checker: Checker, jobs: Jobs, watch_of: Callable[[Cell], Watch], stop: Stop) -> None:
        self.checker, self.jobs, self.watch_of, self.stop = checker, jobs, watch_of, stop

    def __getstate__(self) -> dict[str, Any]:
        return {"checker": self.checker, "jobs": [], "watch_of": _unwatched, "stop": Stop()}

    def __call__(self, config: DictConfig) -> float:
        """Train the cell."""
        hydra = HydraConfig.get()
        cell = self.checker.cell(config, hydra)
        _, threads = share(1, 1, "auto")
        log = Path(str(hydra.sweep.dir)).absolute() / f"{cell.id[:DIGITS]}.log"
        Pool([Place(threads, None, log)], None, self.watch_of, self.stop).run([cell])
        return self.metric(cell)

    def metric(self, cell: Cell) -> float:
        """The mean over the seeds asked for, of what `metric` names; NaN where the cell is not done."""
        result = recorded(cell)
        value = mean(getattr(r, cell.dials.metric) for r in result.replicates) if result.status == "done" else None
        return float("nan") if value is None else value


def _unwatched(cell: Cell) -> Watch:
    return lambda event: None


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
    record = directory / SWEEP
    _write(record, overrides, cells.values())
    task = Task(composer.checker, jobs, watch, stop)
    given = [*overrides, f"hydra.sweep.dir={_quoted(str(directory))}"]
    is_ours = str(config.hydra.launcher.get("_target_")).startswith(("hydra_plugins.resexp.", "hydra._internal."))
    error = None
    with contextlib.nullcontext() if is_ours else _looking([*cells.values()], watch_of):
        try:
            one_line(lambda: composer.hydra.multirun(composer.config_name, task, given))
        except (InputError, OSError):
            raise
        except Exception as fault:  # an engine may raise anything when one of its jobs is lost
            error = " ".join(f"{type(fault).__name__}: {fault}".split())[:300]
        finally:
            _write(record, overrides, cells.values())
    return [recorded(cell, error) for cell in cells.values()]


@contextlib.contextmanager
def _looking(cells: list[Cell], watch_of: Callable[[Cell], Watch]) -> Iterator[None]:
    """Look, while a cluster works, which of `cells` have ended, and tell those who watch."""

    def written(cell: Cell) -> float:
        with contextlib.suppress(OSError):
            return (cell.path / RESULT).stat().st_mtime
        return 0.0

    over, waiting, before = threading.Event(), cells, [written(cell) for cell in cells]

    def look() -> None:
        for cell, old in [*zip(waiting, before, strict=True)]:
            is_new = written(cell) not in (old, 0.0)
            result = recorded(cell)
            counts = is_new or (result.status == "done" and not cell.dials.fresh)
            if counts and not RunDir(cell.path).is_locked():  # then its bar is known, too
                index = waiting.index(cell)
                del waiting[index], before[index]
                watch_of(cell)(Ended("cell", result, cell.dials.seed_list if is_new else ()))

    def until_over() -> None:
        while not over.wait(max(1.0, len(cells) / 1000)):
            look()

    thread = threading.Thread(target=until_over, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()


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
