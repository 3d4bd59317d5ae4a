"""The training of some seeds of a cell, under its lock: from a checkpoint if there is one, recorded whatever comes."""

import contextlib
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from resexp.build import build, cpu_threads, step_cost
from resexp.cells.callbacks import Callback, CellStart, Notice
from resexp.cells.checkpoints import Checkpoint, Checkpoints
from resexp.cells.interrupt import Stop
from resexp.cells.tensorboard import TensorBoardWriter
from resexp.config.cell import Cell
from resexp.config.errors import InputError, located_error_text
from resexp.data.dataset import Data
from resexp.engine.events import End, Event, Layers, State, Steps
from resexp.engine.loop import Training, fit
from resexp.record.curves import Curves
from resexp.record.layers import LayerTable
from resexp.record.result import CellResult, Cost, Replicate, Status, result_for
from resexp.record.store import RunDir


class PackTooLargeError(Exception):
    """A pack of more than one replicate did not fit."""


@dataclass
class Job:
    """The training of `seeds` of a cell.

    `before` is what is done of it already, `earlier` its steps; `start` the checkpoint to go on from. `role` is as in
    Started; a reference draws no board.
    """

    cell: Cell
    seeds: tuple[int, ...]
    before: CellResult | None
    earlier: dict[str, Any] | None
    start: Checkpoint | None
    role: str
    on_event: Callback
    stop: Stop
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory, self.checkpoints = RunDir(self.cell.path), Checkpoints(self.cell)
        self.curves = Curves(self.seeds, self.cell.settings.steps, self.earlier)
        self.layers = LayerTable(self.seeds, self.directory.layers() if self.before else None)
        if self.start:
            self.curves.restore(self.start.curves)
            self.layers.restore(self.start.curves, self.cell.measured)
        self.began = self.saved = time.monotonic()
        self.cost: Cost | None = None

    def run(self, data: Data) -> CellResult:
        """Train and record, whatever comes; what was done before is never replaced by less.

        Raises KeyboardInterrupt where it was asked to stop, and PackTooLargeError where a smaller pack may help.
        """
        try:
            result = self._result("done", end=self._train(data))
            self.directory.close(result, self.curves.columns(), self.layers.columns())
        except KeyboardInterrupt:
            self._record(self._result("interrupted"))
            raise
        except InputError:
            raise  # from building: nothing was written
        except Exception as error:
            if _out_of_memory(error) and len(self.seeds) > 1:
                raise PackTooLargeError(
                    located_error_text(error)
                ) from None  # without the frames, which hold the tensors
            return self._record(self._result("failed", error=located_error_text(error)))
        self.checkpoints.clear()
        return result

    def _train(self, data: Data) -> End:
        training = build(self.cell, self.seeds, data)
        pack = training.pack
        with cpu_threads(self.cell.settings.threads), self.stop.saving():
            device = _named(pack.device)
            about = {"seeds": [*self.seeds], "mode": pack.mode, "device": device, "step": self._step}
            self.directory.open(self.cell, about, keep_result=self.before is not None)
            self.cost, clock = self._cost(training), _Clock()
            with self._board() as board:
                self.on_event(self._announcement(training, device))
                for event in clock(fit(training, self.start.state if self.start else None, self._due)):
                    if isinstance(event, State):
                        self._save(event)
                        continue
                    (self.layers if isinstance(event, Layers) else self.curves).add(event)  # type: ignore[arg-type]
                    if board:
                        board.add(event)
                    self.on_event(event)
            assert isinstance(event, End)
            self.cost = replace(self.cost, step_seconds=clock.median)
            if self.role == "cell":
                self.checkpoints.keep_weights(pack, self.seeds)
        return event

    @property
    def _kept(self) -> list[Replicate]:
        """What is done of the cell beside what is trained now."""
        return [r for r in self.before.replicates if r.seed not in self.seeds] if self.before else []

    @property
    def _step(self) -> int:
        return self.start.state.step if self.start else 0

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self.began + (self.start.seconds if self.start else 0.0)

    def _due(self) -> bool:
        return self.stop.requested or time.monotonic() - self.saved >= self.cell.settings.checkpoint_every

    def _save(self, state: State) -> None:
        curves = self.curves.snapshot() | self.layers.snapshot()
        try:
            self.checkpoints.save(Checkpoint(self.seeds, state, curves, self._seconds))
        except OSError as error:  # a training that cannot save may still end well
            self._note(f"no checkpoint at step {state.step}: {error.strerror}")
        self.saved = time.monotonic()
        if self.stop.requested:
            raise KeyboardInterrupt

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            self.on_event(Notice(text))

    def _board(self) -> contextlib.AbstractContextManager[TensorBoardWriter | None]:
        if self.role == "reference":
            return contextlib.nullcontext()
        return TensorBoardWriter(
            self.directory.path, self.cell, self.curves, self.layers, keep_old=self.before is not None
        )

    def _result(self, status: Status, *, end: End | None = None, error: str | None = None) -> CellResult:
        """The cell as it stands, with the seeds that were done before."""
        replicates = sorted([*self._kept, *self.curves.replicates(end, self.cell.measured)], key=lambda r: r.seed)
        return result_for(
            self.cell,
            status,
            config={**self.cell.config, "seeds": [r.seed for r in replicates]},
            replicates=replicates,
            reference=self.before.reference if self.before else None,
            error=error,
            seconds=((self.before and self.before.seconds) or 0.0) + self._seconds,
            notes=[*(self.before.notes if self.before else ()), *self.notes],
            cost=self.cost,
        )

    def _record(self, result: CellResult) -> CellResult:
        """Write down what did not end well."""
        if self.before is None:
            try:
                self.directory.close(result, self.curves.columns(), self.layers.columns())
            except OSError as fault:
                return replace(result, error=f"{result.error or result.status}; not recorded: {fault.strerror}")
        return result

    def _cost(self, training: Training) -> Cost:
        operations, saved = step_cost(training) if self.role == "cell" else (None, None)
        return Cost(training.pack.num_parameters, operations, saved, None, len(self.seeds))

    def _announcement(self, training: Training, device: str) -> CellStart:
        assert self.cost
        return CellStart(
            role=self.role,
            cell=self.cell,
            seeds=self.seeds,
            reused=tuple(r.seed for r in self._kept),
            parameters=training.pack.num_parameters,
            flops=self.cost.flops * len(self.seeds) if self.cost.flops else None,
            mode=training.pack.mode,
            device=device,
            samples=len(training.data.train),
            step=self._step,
        )


class _Clock:
    """Passes events on, and takes the time of the steps, without what is done with an event."""

    def __init__(self) -> None:
        self._seconds: list[float] = []

    def __call__(self, events: Iterator[Event]) -> Iterator[Event]:
        began = time.perf_counter()
        for event in events:
            if isinstance(event, Steps):
                self._seconds.append((time.perf_counter() - began) / len(event.lr_S))
            yield event
            began = time.perf_counter()

    @property
    def median(self) -> float | None:
        """Seconds of a step; the first reading, which also warms up, counts only where it is alone."""
        return statistics.median(self._seconds[1:] or self._seconds) if self._seconds else None


def _out_of_memory(error: Exception) -> bool:
    text = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in text


def _named(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{device}, {count} thread{'s' * (count > 1)}" if device.type == "cpu" else str(device)
