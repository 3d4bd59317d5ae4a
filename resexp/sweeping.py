"""A sweep: its cells handed to Hydra's sweeper and launcher, its record, and what came out."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from omegaconf import DictConfig

from resexp.check import Checker, one_line
from resexp.compose import Composer, quoted
from resexp.config import DIGITS, Cell
from resexp.grid import GridSweeper
from resexp.kinds import InputError
from resexp.launcher.local import LocalLauncher, share
from resexp.launcher.pool import Pool
from resexp.launcher.worker import Place
from resexp.record.index import SWEEP, CellFailedError, metric, recorded
from resexp.record.result import CellResult, outcome
from resexp.record.store import RESULT, RunDir, check_writable, write_json
from resexp.stopping import Stop
from resexp.watch import Ended, Watch

Jobs = list[tuple[list[str], Cell]]
Key = tuple[str, tuple[int, ...]]
WatchOf = Callable[[Cell], Watch]


class Task:
    """What Hydra's launchers call, here or on another machine, with the configuration of each job.

    The cell is trained in a process of its own, so that nothing that befalls it befalls the job. It returns the metric.
    """

    def __init__(self, checker: Checker, jobs: Jobs, watch_of: WatchOf, stop: Stop) -> None:
        self.checker, self.jobs, self.watch_of, self.stop = checker, jobs, watch_of, stop

    def __getstate__(self) -> dict[str, Any]:
        return {"checker": self.checker, "jobs": [], "watch_of": unwatched, "stop": Stop()}

    def __call__(self, config: DictConfig) -> float:
        """Train the cell. Raises CellFailedError where it failed."""
        hydra = HydraConfig.get()
        cell = self.checker.cell(config, hydra)
        failures: dict[Key, CellResult] = {}
        _, threads = share(1, 1, "auto")
        log = Path(str(hydra.sweep.dir)).absolute() / f"{cell.id[:DIGITS]}.log"
        Pool([Place(threads, None, log)], None, _noting(self.watch_of, failures), self.stop).run([cell])
        if cell.key in failures:
            raise CellFailedError(failures[cell.key].error)
        return metric(cell)


def unwatched(cell: Cell) -> Watch:
    """For cells that nobody watches."""
    return lambda event: None


def _noting(watch_of: WatchOf, failures: dict[Key, CellResult]) -> WatchOf:
    """`watch_of`, and a note of each cell that failed: where more was done of it before, the disk does not tell."""

    def noting(cell: Cell) -> Watch:
        watch = watch_of(cell)

        def both(event: Any) -> None:
            if isinstance(event, Ended) and event.role == "cell" and event.result.status == "failed":
                failures[cell.key] = event.result
            watch(event)

        return both

    return noting


@dataclass(frozen=True)
class Swept:
    """What came out, cell by cell, with those that a sweeper searched out; `error`: why the sweep ended early."""

    results: list[CellResult]
    error: str | None


class Record:
    """What a sweep leaves in a directory of its own: its command, its tuning seeds, and the paths of its cells."""

    def __init__(self, composer: Composer, overrides: list[str]) -> None:
        config = composer.sweep_config(overrides)
        self.directory = Path(str(config.hydra.sweep.dir)).absolute()
        self.outputs = str(config.outputs)
        self.about: dict[str, Any] = {
            "command": sys.argv,
            "overrides": overrides,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "outputs": os.path.relpath(self.outputs, self.directory),
        }
        self.ids: dict[str, str] = {}
        self.tuning: set[int] = set()

    def write(self, cells: Iterable[Cell]) -> None:
        """Write it, with `cells` beside those that it has.

        Raises InputError where it has not begun and these cannot be written.
        """
        cells = [*cells]
        if not self.directory.exists():
            for outputs in {self.outputs, *(cell.dials.outputs for cell in cells)}:
                check_writable(Path(outputs))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.tuning |= {seed for cell in cells for seed in cell.dials.tuning_seeds or ()}
        self.ids |= {os.path.relpath(cell.path, self.directory): cell.id for cell in cells}
        listed = [{"id": id_, "path": path} for path, id_ in self.ids.items()]
        write_json(self.directory / SWEEP, {**self.about, "tuning_seeds": sorted(self.tuning), "cells": listed})


def sweep(
    composer: Composer,
    overrides: list[str],
    jobs: Jobs,
    watch_of: WatchOf,
    stop: Stop,
    record: Record | None = None,
) -> Swept:
    """Train the cells of a sweep through Hydra. Raises InputError, OSError and KeyboardInterrupt.

    `record` is that of a sweep of which these are some more cells.
    """
    cells, failures = {cell.key: cell for _, cell in jobs}, dict[Key, CellResult]()

    def knowing(cell: Cell) -> Watch:
        cells.setdefault(cell.key, cell)
        return _noting(watch_of, failures)(cell)

    _register()
    record = record or Record(composer, overrides)
    record.write(cells.values())
    task = Task(composer.checker, jobs, knowing, stop)
    given = [*overrides, f"hydra.sweep.dir={quoted(record.directory)}"]
    is_here = launches_here(composer, overrides)
    error = None
    with contextlib.nullcontext() if is_here else _looking([*cells.values()], watch_of):
        try:
            returns = one_line(lambda: composer.hydra.multirun(composer.config_name, task, given))
            _note_errors(jobs, returns, failures)
        except (InputError, OSError):
            raise
        except Exception as fault:  # an engine may raise anything when one of its jobs is lost
            error = _line(fault)
        finally:
            record.write(cells.values())
    return Swept([failures.get(key) or recorded(cell, error) for key, cell in cells.items()], error)


def launches_here(composer: Composer, overrides: list[str]) -> bool:
    """Whether the cells of a sweep are trained by processes of this one, not by a cluster's engine."""
    launcher = str(composer.sweep_config(overrides).hydra.launcher.get("_target_"))
    return launcher.startswith(("hydra_plugins.resexp.", "hydra._internal."))


def _note_errors(jobs: Jobs, returns: Any, failures: dict[Key, CellResult]) -> None:
    """Note what the jobs of a grid raised on another machine, which Hydra gives back as their values."""
    for (_, cell), returned in zip(jobs, returns[0] if returns else [], strict=False):
        if returned.status is JobStatus.FAILED:
            fault = returned._return_value  # asked for it openly, Hydra prints more than a line
            text = str(fault) if isinstance(fault, CellFailedError) else _line(fault)
            failures.setdefault(cell.key, outcome(cell, "failed", error=text))


def _line(fault: Exception) -> str:
    return " ".join(f"{type(fault).__name__}: {fault}".split())[:300]


@contextlib.contextmanager
def _looking(cells: list[Cell], watch_of: WatchOf) -> Iterator[None]:
    """Look, while a cluster works, which of `cells` have ended, and tell those who watch."""

    def written(cell: Cell) -> float:
        with contextlib.suppress(OSError):
            return (cell.path / RESULT).stat().st_mtime
        return 0.0

    over, waiting = threading.Event(), {cell.key: (cell, written(cell)) for cell in cells}

    def look(*, first: bool = False) -> None:
        for key, (cell, old) in [*waiting.items()]:
            is_new = written(cell) not in (old, 0.0)
            if (is_new or first) and not RunDir(cell.path).is_locked():  # then its bar is known, too
                result = recorded(cell)
                if is_new or (result.status == "done" and not cell.dials.fresh):
                    del waiting[key]
                    watch_of(cell)(Ended("cell", result, cell.dials.seed_list if is_new else ()))

    def until_over() -> None:
        look(first=True)
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
