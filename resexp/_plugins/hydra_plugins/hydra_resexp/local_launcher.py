"""`hydra/launcher=local`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from typing_extensions import override

if TYPE_CHECKING:
    from resexp.config.cell import Cell
    from resexp.sweeps.job import CellTask


class LocalLauncher(Launcher):
    """Trains the cells of a sweep on a pool of processes on this machine.

    Args:
        workers, threads, timeout, memory: as in `resexp.launcher.local.WorkerLimits`.

    """

    def __init__(
        self,
        workers: int | str = "auto",
        threads: int | str = "auto",
        timeout: float | None = None,
        memory: float | None = None,
    ) -> None:
        self.workers, self.threads, self.timeout, self.memory = workers, threads, timeout, memory

    @override
    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.loader, self.config = hydra_context.config_loader, config
        self.task = cast("CellTask", task_function)

    @override
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from resexp.launcher.local import WorkerLimits, train_cells

        checked_cells = {tuple(overrides): cell for overrides, cell in self.task.jobs}
        cells = [checked_cells.get(tuple(overrides)) or self._compose(overrides) for overrides in job_overrides]
        limits = WorkerLimits(self.workers, self.threads, self.timeout, self.memory)
        log_dir = Path(self.config.hydra.sweep.dir).absolute()
        train_cells(cells, limits, log_dir, self.task.callback_for, self.task.stop)
        return [_job_return(overrides, cell) for overrides, cell in zip(job_overrides, cells, strict=True)]

    def _compose(self, overrides: Sequence[str]) -> "Cell":
        """Compose the cell of a job that a sweeper chose during its search."""
        config = self.loader.load_sweep_config(self.config, [*overrides])
        return self.task.checker.cell(config, config.hydra)


def _job_return(overrides: Sequence[str], cell: "Cell") -> JobReturn:
    """Return the metric of a trained cell, or the error of a failed one, as Hydra expects it of a job."""
    from resexp.record.index import CellFailedError, metric_value

    job = JobReturn(overrides=overrides, working_dir=os.getcwd(), status=JobStatus.COMPLETED)
    try:
        job.return_value = metric_value(cell)
    except CellFailedError as error:
        job.return_value, job.status = error, JobStatus.FAILED
    return job
