"""The cores and GPUs of this machine, and how workers share them. Imports no torch."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resexp.config.cell import Cell


@dataclass(frozen=True)
class WorkerResources:
    """What one worker process uses.

    Attributes:
        threads: CPU threads.
        memory: limit of its private memory in gigabytes; None is no limit.
        log: file to which its output goes.
        environment: variables added to its environment.

    """

    threads: int
    memory: float | None
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def share_cores(cells: int, workers: int | str, threads: int | str, gpus: int = 0) -> tuple[int, int]:
    """Return the number of workers and the CPU threads of each.

    Args:
        cells: the number of cells to train, which bounds the number of workers.
        workers: the number of workers; "auto" is one per GPU, or one per core if there is none.
        threads: the threads of a worker; "auto" is OMP_NUM_THREADS, which a cluster sets, or an equal share of the
            cores.
        gpus: the number of GPUs.

    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = max(1, min(cells, (gpus or cores) if isinstance(workers, str) else workers))
    omp_threads = os.environ.get("OMP_NUM_THREADS", "")
    auto_threads = int(omp_threads) if omp_threads.isdecimal() else cores // count
    return count, max(1, auto_threads) if isinstance(threads, str) else threads


def gpu_environments(cells: Sequence[Cell]) -> list[dict[str, str]]:
    """Return, for each GPU that `cells` may use, the variables that select it; empty if they train on the CPU.

    A device that is named, such as `cuda:1`, needs no variable.
    """
    devices = {cell.settings.device for cell in cells}
    if devices & {"auto", "cuda"}:
        return [{"CUDA_VISIBLE_DEVICES": name} for name in _visible_gpus()]
    return [{} for device in devices if device.startswith("cuda:")]


def _visible_gpus() -> list[str]:
    """Return the names of the NVIDIA GPUs that this process may use, without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() and not name.strip().startswith("-")]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    output = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return [str(index) for index, _ in enumerate(line for line in output.splitlines() if line.startswith("GPU "))]
