"""An estimate of the time and memory that a sweep takes, for --dry-run. Imports no torch."""

import heapq
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from resexp.config.cell import Cell
from resexp.launcher.processes import hidden_main, process_context
from resexp.launcher.resources import gpu_environments, share_cores
from resexp.record.result import missing_seeds
from resexp.record.store import RunDir


@dataclass(frozen=True)
class Estimate:
    """What a sweep is expected to take.

    Attributes:
        seconds: time from start to end.
        memory: peak memory of the largest worker, in bytes.
        workers: number of worker processes.
        threads: CPU threads of each.

    """

    seconds: float
    memory: int
    workers: int
    threads: int


@dataclass(frozen=True)
class _TimeLine:
    """Training time as a linear function of `Cell.work`, through the smallest and the largest cell of a group."""

    smallest: Cell
    largest: Cell
    seconds_smallest: float
    seconds_largest: float

    def seconds(self, cell: Cell) -> float:
        span = self.largest.work - self.smallest.work
        fraction = (cell.work - self.smallest.work) / span if span else 1.0
        return max(0.0, self.seconds_smallest + fraction * (self.seconds_largest - self.seconds_smallest))


def cells_to_train(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells that are not done, each with only the seeds that are missing."""
    return [part for cell in cells if (part := _untrained_part(cell))]


def _untrained_part(cell: Cell) -> Cell | None:
    result = RunDir(cell.path).result()
    seeds = missing_seeds(cell, result if result and result.status == "done" else None)
    return replace(cell, settings=replace(cell.settings, seeds=[*seeds])) if seeds else None


def estimate(cells: Sequence[Cell], workers: int | str = "auto", threads: int | str = "auto") -> Estimate:
    """Estimate what training `cells` takes, from a few timed steps of some of them.

    For each pair of data set and model the smallest and the largest cell are timed, two side by side as workers would
    run them. The times of the other cells are interpolated.

    Args:
        cells: the cells to train, at least one.
        workers, threads: as in conf/hydra/launcher/local.yaml.

    Raises:
        BrokenProcessPool: the process of a timed cell was killed, for example because memory ran out.
        Exception: whatever training a cell raises.

    """
    count, threads_each = share_cores(len(cells), workers, threads, len(gpu_environments(cells)))
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: cell.work):
        groups.setdefault(_group(cell), []).append(cell)
    timed = [cell for group in groups.values() for cell in (group[0], group[-1])]
    started = time.monotonic()
    with hidden_main(), ProcessPoolExecutor(min(2, count), mp_context=process_context()) as pool:
        pool.submit(_start_process).result()
        start_up = time.monotonic() - started
        seconds, peaks = zip(*pool.map(_time_cell, timed, [threads_each] * len(timed)), strict=True)
    ends = zip(groups.values(), seconds[::2], seconds[1::2], strict=True)
    lines = {_group(group[0]): _TimeLine(group[0], group[-1], low, high) for group, low, high in ends}
    busy_until = [0.0] * count
    for cell in sorted([*cells, *_missing_references(cells)], key=lambda cell: -cell.work):
        heapq.heapreplace(busy_until, busy_until[0] + lines[_group(cell)].seconds(cell))
    return Estimate(start_up + max(busy_until), max(peaks), count, threads_each)


def _group(cell: Cell) -> tuple[str, str]:
    return cell.choices["dataset"], cell.choices["model"]


def _missing_references(cells: Iterable[Cell]) -> list[Cell]:
    """Return roughly the shallow references that must be trained before `cells` have verdicts."""
    distinct = {
        (str(cell.options["dataset"]), str(cell.options["model"]), cell.settings.width, cell.settings.steps): cell
        for cell in cells
        if not (Path(cell.settings.outputs) / ".reference").exists()
    }
    return [replace(cell, settings=replace(cell.settings, depth=4, seeds=3)) for cell in distinct.values()]


def _start_process() -> None:
    """Do nothing; the first call starts a process of the pool."""


def _time_cell(cell: Cell, threads: int) -> tuple[float, int]:
    from resexp.cells.timing import time_cell

    return time_cell(cell, threads)
