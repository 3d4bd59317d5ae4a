"""The task that Hydra's launchers run for each job of a sweep, here or on another machine."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from resexp.cells.callbacks import Callback, CallbackFor, CellEnd, CellEvent
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell, CellKey
from resexp.config.check import Checker
from resexp.config.compose import Job
from resexp.config.names import ID_DIGITS
from resexp.launcher.pool import Pool
from resexp.launcher.resources import WorkerResources, share_cores
from resexp.record.index import CellFailedError, metric_value
from resexp.record.result import CellResult


class CellTask:
    """Trains the cell of a job, in a process of its own, so that a crash does not end the job; returns the metric.

    The launcher and the sweeper of resexp use its attributes. Other launchers pickle it and call it on any machine;
    there it has no jobs, and its callbacks do nothing.

    Attributes:
        checker: makes a cell of a composed configuration.
        jobs: the checked jobs of the sweep; none if the sweeper chooses them during its search.
        callback_for: returns the callback of a cell.
        stop: a request to stop.

    """

    def __init__(self, checker: Checker, jobs: list[Job], callback_for: CallbackFor, stop: Stop) -> None:
        self.checker, self.jobs, self.callback_for, self.stop = checker, jobs, callback_for, stop

    def __getstate__(self) -> dict[str, Any]:
        return {"checker": self.checker, "jobs": [], "callback_for": no_callback, "stop": Stop()}

    def __call__(self, config: DictConfig) -> float:
        """Train the cell of a composed configuration. Raises CellFailedError."""
        hydra = HydraConfig.get()
        cell = self.checker.cell(config, hydra)
        failures: dict[CellKey, CellResult] = {}
        _, threads = share_cores(1, 1, "auto")
        log = Path(str(hydra.sweep.dir)).absolute() / f"{cell.id[:ID_DIGITS]}.log"
        callback_for = collect_failures(self.callback_for, failures)
        Pool([WorkerResources(threads, None, log)], None, callback_for, self.stop).run([cell])
        if cell.key in failures:
            raise CellFailedError(failures[cell.key].error)
        return metric_value(cell)


def no_callback(cell: Cell) -> Callback:
    """Return a callback that ignores the events of a cell."""
    return lambda event: None


def collect_failures(callback_for: CallbackFor, failures: dict[CellKey, CellResult]) -> CallbackFor:
    """Wrap `callback_for` so that the result of each failed cell is also stored in `failures`.

    The run directory does not show a failure if it holds an earlier result of the same cell, with fewer seeds.
    """

    def collecting_callback_for(cell: Cell) -> Callback:
        on_event = callback_for(cell)

        def on_event_collecting(event: CellEvent) -> None:
            if isinstance(event, CellEnd) and event.role == "cell" and event.result.status == "failed":
                failures[cell.key] = event.result
            on_event(event)

        return on_event_collecting

    return collecting_callback_for
