"""What Hydra's launchers run for each job of a sweep, here or on another machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from resexp.cells.callbacks import Callback, CellEnd
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.config.check import Checker
from resexp.config.names import ID_DIGITS
from resexp.launcher.local import share
from resexp.launcher.pool import Pool
from resexp.launcher.worker import Place
from resexp.record.index import CellFailedError, metric_value
from resexp.record.result import CellResult

Jobs = list[tuple[list[str], Cell]]
Key = tuple[str, tuple[int, ...]]
CallbackFor = Callable[[Cell], Callback]


class CellTask:
    """What Hydra's launchers call, here or on another machine, with the configuration of each job.

    The cell is trained in a process of its own, so that nothing that affects it affects the job. It returns the metric.
    """

    def __init__(self, checker: Checker, jobs: Jobs, callback_for: CallbackFor, stop: Stop) -> None:
        self.checker, self.jobs, self.callback_for, self.stop = checker, jobs, callback_for, stop

    def __getstate__(self) -> dict[str, Any]:
        return {"checker": self.checker, "jobs": [], "callback_for": no_callback, "stop": Stop()}

    def __call__(self, config: DictConfig) -> float:
        """Train the cell. Raises CellFailedError where it failed."""
        hydra = HydraConfig.get()
        cell = self.checker.cell(config, hydra)
        failures: dict[Key, CellResult] = {}
        _, threads = share(1, 1, "auto")
        log = Path(str(hydra.sweep.dir)).absolute() / f"{cell.id[:ID_DIGITS]}.log"
        Pool([Place(threads, None, log)], None, noting(self.callback_for, failures), self.stop).run([cell])
        if cell.key in failures:
            raise CellFailedError(failures[cell.key].error)
        return metric_value(cell)


def no_callback(cell: Cell) -> Callback:
    """For cells that nobody watches."""
    return lambda event: None


def noting(callback_for: CallbackFor, failures: dict[Key, CellResult]) -> CallbackFor:
    """`callback_for`, and a note of each cell that failed: where more was done of it before, the disk does not tell."""

    def noting(cell: Cell) -> Callback:
        on_event = callback_for(cell)

        def both(event: Any) -> None:
            if isinstance(event, CellEnd) and event.role == "cell" and event.result.status == "failed":
                failures[cell.key] = event.result
            on_event(event)

        return both

    return noting
