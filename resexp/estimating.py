"""What a sweep would do: its cells, which of them are done, and what the others will take. Imports no torch."""

import heapq
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from resexp.config import Cell
from resexp.launcher.local import environments, share
from resexp.launcher.pool import context, no_main
from resexp.record.result import missing_seeds
from resexp.record.store import RunDir


@dataclass(frozen=True)
class Estimate:
    """What a sweep will take: seconds from start to end, bytes at the peak of its largest worker, and where."""

    seconds: float
    memory: int
    workers: int
    threads: int


def missing(cells: Iterable[Cell]) -> list[Cell]:
    """Those of `cells` that would be trained, with the seeds that are not done."""
    return [left for cell in cells if (left := _left(cell))]


def _left(cell: Cell) -> Cell | None:
    result = RunDir(cell.path).result()
    seeds = missing_seeds(cell, result if result and result.status == "done" else None)
    return replace(cell, dials=replace(cell.dials, seeds=[*seeds])) if seeds else None


def estimate(cells: Sequence[Cell], workers: int | str = "auto", threads: int | str = "auto") -> Estimate:
    """From a few timed steps of the smallest and the largest of `cells`, side by side as workers would run them.

    The others lie on the line between these two over their work. Raises what training them raises, and
    BrokenProcessPool where a trial is killed, as for want of memory.
    """
    count, each = share(len(cells), workers, threads, len(environments(cells)))
    ends = min(cells, key=lambda cell: cell.work), max(cells, key=lambda cell: cell.work)
    began = time.monotonic()
    with no_main(), ProcessPoolExecutor(min(2, count), mp_context=context()) as pool:
        pool.submit(_nothing).result()
        start_up = time.monotonic() - began
        (low, _), (high, memory) = pool.map(_trial, ends, (each, each))
    span = ends[1].work - ends[0].work

    def seconds(cell: Cell) -> float:
        share = (cell.work - ends[0].work) / span if span else 1.0
        return max(0.0, low + share * (high - low))

    free = [0.0] * count
    for cell in sorted([*cells, *_references(cells)], key=lambda cell: -cell.work):
        heapq.heapreplace(free, free[0] + seconds(cell))
    return Estimate(start_up + max(free), memory, count, each)


def _references(cells: Iterable[Cell]) -> list[Cell]:
    """Roughly what has to be trained to set the bar of `cells`."""
    kinds = {
        (str(cell.options["dataset"]), str(cell.options["model"]), cell.dials.width, cell.dials.steps): cell
        for cell in cells
        if not (Path(cell.dials.outputs) / ".reference").exists()
    }
    return [replace(cell, dials=replace(cell.dials, depth=4, seeds=3)) for cell in kinds.values()]


def _nothing() -> None:
    """What starts a process."""


def _trial(cell: Cell, threads: int) -> tuple[float, int]:
    from resexp.trial import trial

    return trial(cell, threads)
