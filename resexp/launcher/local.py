"""`hydra/launcher=local`: the cells of a sweep on this machine's cores or GPUs."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from resexp.cells.callbacks import Callback, CellEnd
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.launcher.pool import Pool
from resexp.launcher.worker import Place
from resexp.record.index import recorded_result
from resexp.record.result import CellResult, missing_seeds


@dataclass(frozen=True)
class WorkerLimits:
    """What the workers of a sweep may use; the attributes are the options of conf/hydra/launcher/local.yaml."""

    workers: int | str = "auto"
    threads: int | str = "auto"
    timeout: float | None = None
    memory: float | None = None


def train_cells(
    cells: Sequence[Cell],
    limits: WorkerLimits,
    log_dir: Path,
    callback_for: Callable[[Cell], Callback],
    stop: Stop,
) -> None:
    """Train those of `cells` that are not finished, each once, on a pool of processes.

    Args:
        cells: cells of a sweep; a cell that occurs twice is trained once.
        limits: the number of workers and what each of them may use.
        log_dir: where each worker writes what its libraries print.
        callback_for: gives each cell the callback for its events; a finished cell gets only its CellEnd.
        stop: saves and ends the running cells when it is requested.

    Raises:
        KeyboardInterrupt: `stop` was requested.
    """
    missing_cells = []
    for cell in {cell.key: cell for cell in cells}.values():
        if result := finished(cell):
            callback_for(cell)(CellEnd("cell", result, ()))
        else:
            missing_cells.append(cell)
    Pool(_places(missing_cells, limits, log_dir), limits.timeout, callback_for, stop).run(missing_cells)


def _places(cells: Sequence[Cell], limits: WorkerLimits, log_dir: Path) -> list[Place]:
    """Give each worker a GPU, or an equal share of the cores."""
    gpus = environments(cells)
    count, threads = share(len(cells), limits.workers, limits.threads, len(gpus))
    return [
        Place(
            threads=threads,
            memory=limits.memory,
            log=log_dir / f"worker{index}.log",
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
