"""What `hydra/launcher=local` does: train the cells of a sweep on the cores or GPUs of this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from resexp.cells.callbacks import CallbackFor, CellEnd
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.launcher.pool import Pool
from resexp.launcher.resources import WorkerResources, gpu_environments, share_cores
from resexp.record.index import finished_result


@dataclass(frozen=True)
class WorkerLimits:
    """The options of conf/hydra/launcher/local.yaml.

    Attributes:
        workers: number of processes; "auto" is one per GPU, or one per core if there is none.
        threads: CPU threads of each; "auto" is an equal share of the cores.
        timeout: seconds that a cell may take; None is no limit.
        memory: gigabytes of private memory that a worker may allocate; None is no limit.

    """

    workers: int | str = "auto"
    threads: int | str = "auto"
    timeout: float | None = None
    memory: float | None = None


def train_cells(
    cells: Sequence[Cell], limits: WorkerLimits, log_dir: Path, callback_for: CallbackFor, stop: Stop
) -> None:
    """Train those of `cells` that are not finished on a pool of processes, and record their results.

    Args:
        cells: the cells of a sweep; a cell that occurs twice is trained once.
        limits: the number of workers and what each of them may use.
        log_dir: where each worker writes its output.
        callback_for: returns the callback of a cell; a finished cell causes one event, its CellEnd.
        stop: a request to stop. Running cells save a checkpoint and end.

    Raises:
        KeyboardInterrupt: `stop` was requested.

    """
    unfinished = []
    for cell in {cell.key: cell for cell in cells}.values():
        if result := finished_result(cell):
            callback_for(cell)(CellEnd("cell", result, ()))
        else:
            unfinished.append(cell)
    Pool(_resources(unfinished, limits, log_dir), limits.timeout, callback_for, stop).run(unfinished)


def _resources(cells: Sequence[Cell], limits: WorkerLimits, log_dir: Path) -> list[WorkerResources]:
    """Assign a GPU or an equal share of the cores to each worker."""
    gpus = gpu_environments(cells)
    count, threads = share_cores(len(cells), limits.workers, limits.threads, len(gpus))
    return [
        WorkerResources(
            threads=threads,
            memory=limits.memory,
            log=log_dir / f"worker{index}.log",
            environment=gpus[index % len(gpus)] if gpus else {},
        )
        for index in range(count)
    ]
