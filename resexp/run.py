"""One cell: skip what is done, train what is missing, catch what fails, record."""

import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from resexp.build import Built, build, device_of, load_data, threads
from resexp.config import Cell
from resexp.data.dataset import Data
from resexp.engine.fit import End, Event, fit
from resexp.kinds import InputError
from resexp.record.board import Board
from resexp.record.curves import Curves
from resexp.record.store import CellResult, RunDir, Status
from resexp.reference import measure
from resexp.stats.verdict import Reference


@dataclass(frozen=True)
class Started:
    """What is about to be trained. `role` is "cell", or "reference" for the shallow network that sets the bar."""

    role: str
    cell: Cell
    seeds: tuple[int, ...]
    reused: tuple[int, ...]
    parameters: int
    flops: int
    mode: str
    device: str
    samples: int


@dataclass(frozen=True)
class Waiting:
    """Another process trains this cell."""

    path: Path


@dataclass(frozen=True)
class Ended:
    """What came out; `trained` is empty where all of it was there already."""

    role: str
    result: CellResult
    trained: tuple[int, ...]


Watch = Callable[[Started | Waiting | Ended | Event], None]


def train(cell: Cell, watch: Watch = lambda event: None, *, isolate: bool = False) -> CellResult:
    """Train the seeds of a cell that are not yet done, and record them.

    A fault becomes a result with status "failed". Raises KeyboardInterrupt, after what was read so far is recorded as
    interrupted, and InputError, before anything is written, where the data or the device are not to be had; with
    `isolate`, as in a sweep, that is a failed result too.
    """
    try:
        return _train(cell, watch, "cell")
    except InputError as error:
        if not isolate:
            raise
        directory = RunDir(cell.path)
        directory.open(cell)
        result = _result(cell, "failed", error=str(error))
        directory.close(result)
        watch(Ended("cell", result, ()))
        return result


def _result(cell: Cell, status: Status, **more: Any) -> CellResult:
    """A result with what the cell itself tells."""
    common = {"id": cell.id, "name": cell.name, "path": str(cell.path), "choices": dict(cell.choices)}
    return CellResult(**{**common, "status": status, "config": cell.config, **more})


def _train(cell: Cell, watch: Watch, role: str) -> CellResult:
    directory = RunDir(cell.path)
    if (done := _done(cell, directory)) and not _missing(cell, done):
        return _announced(done, (), watch, role, cell)
    data = load_data(cell)
    device_of(cell.dials.device)
    directory.path.mkdir(parents=True, exist_ok=True)
    if directory.is_locked():
        watch(Waiting(directory.path))
    with directory.lock():
        before = _done(cell, directory)
        missing = _missing(cell, before)
        if before and not missing:
            return _announced(before, (), watch, role, cell)
        job = _Job(cell, directory, before, missing, role, watch)
        try:
            result = job.train(data)
        except KeyboardInterrupt:
            job.record(job.result("interrupted"))
            raise
        except Exception as error:
            result = job.record(job.result("failed", error=_reason(error)))
    return _announced(result, missing, watch, role, cell)


def _done(cell: Cell, directory: RunDir) -> CellResult | None:
    """What is done of the cell. Raises InputError where another cell lies in its place."""
    result = directory.result(Path(cell.dials.outputs))
    if result is not None and result.id != cell.id:
        raise InputError(f"{directory.path}: holds another cell ({result.id}); move it away")
    return result if result is not None and result.status == "done" else None


def _missing(cell: Cell, done: CellResult | None) -> tuple[int, ...]:
    have = {r.seed for r in done.replicates} if done and not cell.dials.fresh else set()
    return tuple(seed for seed in cell.dials.seed_list if seed not in have)


def _announced(result: CellResult, trained: tuple[int, ...], watch: Watch, role: str, cell: Cell) -> CellResult:
    """The result with the seeds that were asked for."""
    asked = replace(result, replicates=[r for r in result.replicates if r.seed in cell.dials.seed_list])
    watch(Ended(role, asked, trained))
    return asked


class _Job:
    """The training of some seeds of a cell, under its lock."""

    def __init__(
        self,
        cell: Cell,
        directory: RunDir,
        before: CellResult | None,
        seeds: tuple[int, ...],
        role: str,
        watch: Watch,
    ) -> None:
        self.cell, self.directory, self.before, self.seeds = cell, directory, before, seeds
        self.role, self.watch = role, watch
        self.curves = Curves(seeds, cell.dials.steps, directory.steps() if before else None)
        self.reference: Reference | None = None
        self.started = time.monotonic()
        self.seconds = 0.0

    def train(self, data: Data) -> CellResult:
        """Train to the end, measure the bar unless that was done before, and record the result, last of all."""
        self.directory.open(self.cell)
        built = build(self.cell, self.seeds, data)
        with self._board() as board, threads(self.cell.dials.threads):
            self.watch(self._announcement(built))
            for event in fit(built.pack, built.data, built.optimizer, built.schedule, built.plan, self.seeds):
                self.curves.add(event)
                if board:
                    board.add(event)
                self.watch(event)
                end = event
            assert isinstance(end, End)
            self.seconds = time.monotonic() - self.started
            if board:
                self.reference = measure(self.cell, data, lambda cell: _train(cell, self.watch, "reference"))
            result = self.result("done", end=end)
            if board:
                board.finish(result)
        return self.record(result)

    def _board(self) -> AbstractContextManager[Board | None]:
        if self.role == "reference":
            return nullcontext()
        return Board(self.directory.path, self.cell, self.curves, keep_old=self.before is not None)

    def result(self, status: Status, *, end: End | None = None, error: str | None = None) -> CellResult:
        """The cell as it stands, with the seeds that were done before."""
        kept = [r for r in self.before.replicates if r.seed not in self.seeds] if self.before else []
        replicates = sorted([*kept, *self.curves.replicates(end)], key=lambda r: r.seed)
        earlier = (self.before.seconds if self.before else None) or 0.0
        return _result(
            self.cell,
            status,
            config={**self.cell.config, "seeds": [r.seed for r in replicates]},
            replicates=replicates,
            reference=self.reference,
            error=error,
            seconds=earlier + (self.seconds or time.monotonic() - self.started),
        )

    def record(self, result: CellResult) -> CellResult:
        """Write it down. What was done before is never replaced by less."""
        if result.status == "done":
            self.directory.close(result, self.curves.columns())
        elif self.before is None:
            try:
                self.directory.close(result, self.curves.columns())
            except OSError as fault:
                return replace(result, error=f"{result.error or result.status}; not recorded: {fault.strerror}")
        return result

    def _announcement(self, built: Built) -> Started:
        x = torch.empty(built.plan.batch_size, *built.data.shape, device="meta", dtype=built.pack.weights_RP.dtype)
        with FlopCounterMode(display=False) as counter:
            built.pack.network(x).sum().backward()
        device = built.pack.device
        return Started(
            role=self.role,
            cell=self.cell,
            seeds=self.seeds,
            reused=tuple(r.seed for r in self.before.replicates) if self.before else (),
            parameters=built.pack.parameters,
            flops=counter.get_total_flops() * len(self.seeds),
            mode=built.pack.mode,
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu(device),
            samples=len(built.data.train),
        )


def _cpu(device: torch.device) -> str:
    count = torch.get_num_threads()
    return f"{device}, {count} thread{'s' * (count > 1)}" if device.type == "cpu" else str(device)


def _reason(error: Exception) -> str:
    """The error in a line, with the place in the code it came from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''} ({Path(frame.filename).name}:{frame.lineno})"
