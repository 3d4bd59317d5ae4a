"""One cell: skip what is done, train what is missing, catch what fails, record."""

import contextlib
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from resexp.build import Built, build, check_available, flops, load_data, threads
from resexp.config import Cell
from resexp.data.dataset import Data
from resexp.engine.fit import End, Event, fit
from resexp.kinds import InputError
from resexp.record.board import Board, summarise
from resexp.record.curves import Curves
from resexp.record.result import CellResult, Status
from resexp.record.store import RunDir
from resexp.reference import measure


@dataclass(frozen=True)
class Started:
    """What is about to be trained. `role` is "cell", or "reference" for the shallow network that sets the bar."""

    role: str
    cell: Cell
    seeds: tuple[int, ...]
    reused: tuple[int, ...]
    parameters: int
    flops: int | None
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
        result = _result(cell, "failed", error=str(error))
    except Exception as error:
        result = _result(cell, "failed", error=_reason(error))
    with contextlib.suppress(OSError):
        RunDir(cell.path).fail(cell, result)
    watch(Ended("cell", result, ()))
    return result


def _result(cell: Cell, status: Status, **more: Any) -> CellResult:
    """A result with what the cell itself tells."""
    common = {"id": cell.id, "name": cell.name, "path": str(cell.path), "choices": dict(cell.choices)}
    return CellResult(**{**common, "status": status, "config": cell.config, **more})


def _train(cell: Cell, watch: Watch, role: str, data: Data | None = None) -> CellResult:
    directory = RunDir(cell.path)
    result = _done(cell, directory)
    trained: tuple[int, ...] = ()
    if result is None or _missing(cell, result) or _unjudged(result, role):
        check_available(cell)
        data = data or load_data(cell)
        directory.path.mkdir(parents=True, exist_ok=True)
        if directory.is_locked():
            watch(Waiting(directory.path))
        with directory.lock():
            result = _done(cell, directory)
            earlier = directory.steps() if result and _missing(cell, result) else None
            if earlier is None and _missing(cell, result):
                result = None  # what was done has lost its steps
            trained = _missing(cell, result)
            if trained:
                result = _Job(cell, directory, result, earlier, trained, role, watch).run(data)
            if result and _unjudged(result, role):
                reference = measure(cell, data, lambda shallow: _train(shallow, watch, "reference", data))
                result = replace(result, reference=reference)
                directory.close(result)
                summarise(directory.path, cell, result)
    assert result
    asked = replace(result, replicates=[r for r in result.replicates if r.seed in cell.dials.seed_list])
    watch(Ended(role, asked, trained))
    return asked


def _done(cell: Cell, directory: RunDir) -> CellResult | None:
    """What is done of the cell. Raises InputError where another cell lies in its place."""
    result = directory.result(Path(cell.dials.outputs))
    if result is not None and result.id != cell.id:
        raise InputError(f"{directory.path}: holds another cell ({result.id}); move it away")
    return result if result is not None and result.status == "done" else None


def _missing(cell: Cell, done: CellResult | None) -> tuple[int, ...]:
    have = {r.seed for r in done.replicates} if done and not cell.dials.fresh else set()
    return tuple(seed for seed in cell.dials.seed_list if seed not in have)


def _unjudged(result: CellResult, role: str) -> bool:
    """Whether a done cell still lacks the bar of today's rules; a reference needs none."""
    known = result.reference is not None and result.reference.measured
    return role == "cell" and result.status == "done" and not known


class _Job:
    """The training of some seeds of a cell, under its lock."""

    def __init__(
        self,
        cell: Cell,
        directory: RunDir,
        before: CellResult | None,
        earlier: dict[str, Any] | None,
        seeds: tuple[int, ...],
        role: str,
        watch: Watch,
    ) -> None:
        self.cell, self.directory, self.before, self.seeds = cell, directory, before, seeds
        self.role, self.watch = role, watch
        self.curves = Curves(seeds, cell.dials.steps, earlier)
        self.started = time.monotonic()

    def run(self, data: Data) -> CellResult:
        """Train and record, whatever comes; what was done before is never replaced by less."""
        try:
            result = self.result("done", end=self._train(data))
            self.directory.close(result, self.curves.columns())
        except KeyboardInterrupt:
            self._record(self.result("interrupted"))
            raise
        except Exception as error:
            return self._record(self.result("failed", error=_reason(error)))
        return result

    def _train(self, data: Data) -> End:
        built = build(self.cell, self.seeds, data)
        with self._board() as board, threads(self.cell.dials.threads):
            device = _named(built.pack.device)
            about = {"seeds": [*self.seeds], "mode": built.pack.mode, "device": device}
            self.directory.open(self.cell, about, keep_result=self.before is not None)
            self.watch(self._announcement(built, device))
            for event in fit(built.pack, built.data, built.optimizer, built.schedule, built.plan, self.seeds):
                self.curves.add(event)
                if board:
                    board.add(event)
                self.watch(event)
                end = event
        assert isinstance(end, End)
        return end

    def _board(self) -> contextlib.AbstractContextManager[Board | None]:
        if self.role == "reference":
            return contextlib.nullcontext()
        return Board(self.directory.path, self.cell, self.curves, keep_old=self.before is not None)

    def result(self, status: Status, *, end: End | None = None, error: str | None = None) -> CellResult:
        """The cell as it stands, with the seeds that were done before."""
        kept = [r for r in self.before.replicates if r.seed not in self.seeds] if self.before else []
        replicates = sorted([*kept, *self.curves.replicates(end)], key=lambda r: r.seed)
        return _result(
            self.cell,
            status,
            config={**self.cell.config, "seeds": [r.seed for r in replicates]},
            replicates=replicates,
            reference=self.before.reference if self.before else None,
            error=error,
            seconds=((self.before and self.before.seconds) or 0.0) + time.monotonic() - self.started,
        )

    def _record(self, result: CellResult) -> CellResult:
        """Write down what did not end well."""
        if self.before is None:
            try:
                self.directory.close(result, self.curves.columns())
            except OSError as fault:
                return replace(result, error=f"{result.error or result.status}; not recorded: {fault.strerror}")
        return result

    def _announcement(self, built: Built, device: str) -> Started:
        return Started(
            role=self.role,
            cell=self.cell,
            seeds=self.seeds,
            reused=tuple(r.seed for r in self.before.replicates) if self.before else (),
            parameters=built.pack.parameters,
            flops=flops(built) if self.role == "cell" else None,
            mode=built.pack.mode,
            device=device,
            samples=len(built.data.train),
        )


def _named(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{device}, {count} thread{'s' * (count > 1)}" if device.type == "cpu" else str(device)


def _reason(error: Exception) -> str:
    """The error in a line, with the place in the code it came from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''} ({Path(frame.filename).name}:{frame.lineno})"
