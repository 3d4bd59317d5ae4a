"""`hydra/launcher=local`: the cells of a sweep on this machine's cores or GPUs."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from resexp.cells.callbacks import CellEnd
from resexp.config.cell import Cell
from resexp.launcher.pool import Pool
from resexp.launcher.worker import Place
from resexp.record.index import CellFailedError, metric_value, recorded_result
from resexp.record.result import CellResult, missing_seeds


class LocalLauncher(Launcher):
    """As its YAML says."""

    __module__ = "hydra_plugins.resexp"  # Hydra takes plugins from nowhere else

    def __init__(
        self, workers: int | str = "auto", threads: int | str = "auto", timeout: float | None = None, **limits: Any
    ) -> None:
        self.workers, self.threads, self.timeout, self.memory = workers, threads, timeout, limits.get("memory")

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Launcher."""
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Train the cells; what each job returns is its metric."""
        task: Any = self.task
        known = {tuple(job): cell for job, cell in task.jobs}
        cells = [known.get(tuple(job)) or self._compose(job) for job in job_overrides]
        left = []
        for cell in {cell.key: cell for cell in cells}.values():
            if result := finished(cell):
                task.callback_for(cell)(CellEnd("cell", result, ()))
            else:
                left.append(cell)
        Pool(self.places(left), self.timeout, task.callback_for, task.stop).run(left)
        returns = []
        for cell, job in zip(cells, job_overrides, strict=True):
            done = JobReturn(overrides=job, working_dir=os.getcwd(), status=JobStatus.COMPLETED)
            try:
                done.return_value = metric_value(cell)
            except CellFailedError as error:
                done.return_value, done.status = error, JobStatus.FAILED
            returns.append(done)
        return returns

    def _compose(self, job: Sequence[str]) -> Cell:
        """The cell of a job that a sweeper thought of as it searched."""
        task: Any = self.task
        config = self.context.config_loader.load_sweep_config(self.config, [*job])
        cell: Cell = task.checker.cell(config, config.hydra)
        return cell

    def places(self, cells: Sequence[Cell]) -> list[Place]:
        """Where workers compute: on a GPU each, or on an equal share of the cores."""
        gpus = environments(cells)
        count, threads = share(len(cells), self.workers, self.threads, len(gpus))
        logs = Path(self.config.hydra.sweep.dir).absolute()
        return [
            Place(
                threads=threads,
                memory=self.memory,
                log=logs / f"worker{index}.log",
                environment=gpus[index % len(gpus)] if gpus else {},
            )
            for index in range(count)
        ]


def finished(cell: Cell) -> CellResult | None:
    """What is recorded of a cell of which nothing is left to do, else None."""
    result = recorded_result(cell)
    return result if result.status == "done" and result.is_judged and not missing_seeds(cell, result) else None


def share(cells: int, workers: int | str, threads: int | str, gpus: int = 0) -> tuple[int, int]:
    """The number of workers for some cells, by default one per GPU or else per core, and of the threads of each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = max(1, min(cells, (gpus or cores) if isinstance(workers, str) else workers))
    told = os.environ.get("OMP_NUM_THREADS", "")  # a cluster's engine knows best
    each = int(told) if told.isdecimal() else cores // count
    return count, max(1, each) if isinstance(threads, str) else threads


def environments(cells: Sequence[Cell]) -> list[dict[str, str]]:
    """For each GPU that cells will train on what makes a process use it; nothing where they train on the CPU."""
    devices = {cell.settings.device for cell in cells}
    if devices & {"auto", "cuda"}:
        return [{"CUDA_VISIBLE_DEVICES": name} for name in _gpus()]
    return [{} for device in devices if device.startswith("cuda:")]


def _gpus() -> list[str]:
    """The NVIDIA GPUs that this process may use, without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() and not name.strip().startswith("-")]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return [str(index) for index, _ in enumerate(line for line in listed.splitlines() if line.startswith("GPU "))]
