"""What a sweep would do: its cells, which of them are done, and what the others will take. Imports no torch."""

import heapq
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from resexp.config.cell import Cell
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
    return replace(cell, settings=replace(cell.settings, seeds=[*seeds])) if seeds else None


def estimate(cells: Sequence[Cell], workers: int | str = "auto", threads: int | str = "auto") -> Estimate:
    """From a few timed steps of the smallest and the largest of `cells` of each kind: data set and model.

    Two trials run side by side, as workers would run them; the other cells lie on the line between these over their
    work. Raises what training them raises, and BrokenProcessPool where a trial is killed, as for want of memory.
    """
    count, each = share(len(cells), workers, threads, len(environments(cells)))
    kinds: dict[tuple[str, str], list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: cell.work):
        kinds.setdefault(_kind(cell), []).append(cell)
    ends = [end for alike in kinds.values() for end in (alike[0], alike[-1])]
    began = time.monotonic()
    with no_main(), ProcessPoolExecutor(min(2, count), mp_context=context()) as pool:
        pool.submit(_nothing).result()
        start_up = time.monotonic() - began
        times, peaks = zip(*pool.map(_trial, ends, [each] * len(ends)), strict=True)
    at_ends = dict(zip(kinds, zip(times[::2], times[1::2], strict=True), strict=True))

    def seconds(cell: Cell) -> float:
        alike, (low, high) = kinds[_kind(cell)], at_ends[_kind(cell)]
        span = alike[-1].work - alike[0].work
        return float(max(0.0, low + ((cell.work - alike[0].work) / span if span else 1.0) * (high - low)))

    free = [0.0] * count
    for cell in sorted([*cells, *_references(cells)], key=lambda cell: -cell.work):
        heapq.heapreplace(free, free[0] + seconds(cell))
    return Estimate(start_up + max(free), max(peaks), count, each)


def _kind(cell: Cell) -> tuple[str, str]:
    return cell.choices["dataset"], cell.choices["model"]


def _references(cells: Iterable[Cell]) -> list[Cell]:
    """Roughly what has to be trained to set the bar of `cells`."""
    kinds = {
        (str(cell.options["dataset"]), str(cell.options["model"]), cell.settings.width, cell.settings.steps): cell
        for cell in cells
        if not (Path(cell.settings.outputs) / ".reference").exists()
    }
    return [replace(cell, settings=replace(cell.settings, depth=4, seeds=3)) for cell in kinds.values()]


def _nothing() -> None:
    """What starts a process."""


def _trial(cell: Cell, threads: int) -> tuple[float, int]:
    from resexp.cells.timing import time_cell

    return time_cell(cell, threads)
