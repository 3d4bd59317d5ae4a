"""The training of a pack: some seeds of a cell, from a checkpoint if there is one. Its result is always recorded."""

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
from resexp.formats import plural
from resexp.record.curves import Curves
from resexp.record.layers import LayerTable
from resexp.record.result import CellResult, Cost, Replicate, Status, result_for
from resexp.record.store import RunDir


class PackTooLargeError(Exception):
    """A pack of more than one replicate does not fit in memory."""


@dataclass
class PackTraining:
    """The training of a pack. The caller holds the lock of the run directory.

    Attributes:
        cell: the cell.
        seeds: the seeds of the pack.
        recorded: the result of seeds that are already trained, if there are any.
        earlier_steps: the columns of their step file.
        checkpoint: where to resume, if there is a checkpoint.
        role: "cell", or "reference", for which no TensorBoard files are written.
        on_event: the callback.
        stop: the request to stop.
        notes: lines on unusual events, for the result.

    """

    cell: Cell
    seeds: tuple[int, ...]
    recorded: CellResult | None
    earlier_steps: dict[str, Any] | None
    checkpoint: Checkpoint | None
    role: str
    on_event: Callback
    stop: Stop
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory, self.checkpoints = RunDir(self.cell.path), Checkpoints(self.cell)
        self.curves = Curves(self.seeds, self.cell.settings.steps, self.earlier_steps)
        self.layers = LayerTable(self.seeds, self.directory.layers() if self.recorded else None)
        if self.checkpoint:
            self.curves.restore(self.checkpoint.curves)
            self.layers.restore(self.checkpoint.curves, self.cell.measured)
        self.started = self.saved = time.monotonic()
        self.cost: Cost | None = None

    def run(self, data: Data) -> CellResult:
        """Train and record. A failure becomes a result; it never replaces seeds that are already trained.

        Raises:
            InputError: the network cannot be built; nothing was written.
            KeyboardInterrupt: a stop was requested.
            PackTooLargeError: the pack does not fit in memory, and a smaller one may.

        """
        try:
            result = self._result("done", end=self._train(data))
            self.directory.close(result, self.curves.columns(), self.layers.columns())
        except KeyboardInterrupt:
            self._record(self._result("interrupted"))
            raise
        except InputError:
            raise
        except Exception as error:
            text = located_error_text(error)
            if _is_out_of_memory(error) and len(self.seeds) > 1:
                raise PackTooLargeError(text) from None  # without the frames, which hold the tensors
            return self._record(self._result("failed", error=text))
        self.checkpoints.clear()
        return result

    def _train(self, data: Data) -> End:
        training = build(self.cell, self.seeds, data)
        pack = training.pack
        with cpu_threads(self.cell.settings.threads), self.stop.saving():
            device = _device_text(pack.device)
            fields = {"seeds": [*self.seeds], "mode": pack.mode, "device": device, "step": self._first_step}
            self.directory.open(self.cell, fields, keep_result=self.recorded is not None)
            self.cost, timer = self._cost(training), _StepTimer()
            state = self.checkpoint.state if self.checkpoint else None
            with self._tensorboard_writer() as writer:
                self.on_event(self._start_event(training, device))
                if pack.mode == "vmap" and pack.unknown_code:
                    self._note(f"steps are not captured, and slower: {pack.unknown_code}")
                for event in timer(fit(training, state, self._should_checkpoint)):
                    if isinstance(event, State):
                        self._save(event)
                        continue
                    (self.layers if isinstance(event, Layers) else self.curves).add(event)  # type: ignore[arg-type]
                    if writer:
                        writer.add(event)
                    self.on_event(event)
            assert isinstance(event, End)
            self.cost = replace(self.cost, step_seconds=timer.median)
            if self.role == "cell":
                self.checkpoints.save_weights(pack, self.seeds)
        return event

    @property
    def _reused(self) -> list[Replicate]:
        """The replicates that are already trained and not trained again."""
        return [r for r in self.recorded.replicates if r.seed not in self.seeds] if self.recorded else []

    @property
    def _first_step(self) -> int:
        return self.checkpoint.state.step if self.checkpoint else 0

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self.started + (self.checkpoint.seconds if self.checkpoint else 0.0)

    def _should_checkpoint(self) -> bool:
        return self.stop.requested or time.monotonic() - self.saved >= self.cell.settings.checkpoint_every

    def _save(self, state: State) -> None:
        """Save a checkpoint. Raises KeyboardInterrupt if a stop was requested."""
        curves = self.curves.snapshot() | self.layers.snapshot()
        try:
            self.checkpoints.save(Checkpoint(self.seeds, state, curves, self._seconds))
        except OSError as error:  # the training may still finish without it
            self._note(f"no checkpoint at step {state.step}: {error.strerror}")
        self.saved = time.monotonic()
        if self.stop.requested:
            raise KeyboardInterrupt

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            self.on_event(Notice(text))

    def _tensorboard_writer(self) -> contextlib.AbstractContextManager[TensorBoardWriter | None]:
        if self.role == "reference":
            return contextlib.nullcontext()
        keep_old = self.recorded is not None
        return TensorBoardWriter(self.directory.path, self.cell, self.curves, self.layers, keep_old=keep_old)

    def _result(self, status: Status, *, end: End | None = None, error: str | None = None) -> CellResult:
        """Return the result of the cell so far, including the seeds that were already trained."""
        replicates = sorted([*self._reused, *self.curves.replicates(end, self.cell.measured)], key=lambda r: r.seed)
        return result_for(
            self.cell,
            status,
            config={**self.cell.config, "seeds": [r.seed for r in replicates]},
            replicates=replicates,
            reference=self.recorded.reference if self.recorded else None,
            error=error,
            seconds=((self.recorded and self.recorded.seconds) or 0.0) + self._seconds,
            notes=[*(self.recorded.notes if self.recorded else ()), *self.notes],
            cost=self.cost,
        )

    def _record(self, result: CellResult) -> CellResult:
        """Write the result of a training that did not finish, unless seeds are already recorded."""
        if self.recorded is None:
            try:
                self.directory.close(result, self.curves.columns(), self.layers.columns())
            except OSError as fault:
                return replace(result, error=f"{result.error or result.status}; not recorded: {fault.strerror}")
        return result

    def _cost(self, training: Training) -> Cost:
        operations, saved = step_cost(training) if self.role == "cell" else (None, None)
        return Cost(training.pack.num_parameters, operations, saved, None, len(self.seeds))

    def _start_event(self, training: Training, device: str) -> CellStart:
        assert self.cost
        return CellStart(
            role=self.role,
            cell=self.cell,
            seeds=self.seeds,
            reused=tuple(r.seed for r in self._reused),
            parameters=training.pack.num_parameters,
            flops=self.cost.flops * len(self.seeds) if self.cost.flops else None,
            mode=training.pack.mode,
            device=device,
            samples=len(training.data.train),
            step=self._first_step,
        )


class _StepTimer:
    """Passes events on and times the steps, without the time that the consumer of the events takes."""

    def __init__(self) -> None:
        self._seconds: list[float] = []

    def __call__(self, events: Iterator[Event]) -> Iterator[Event]:
        started = time.perf_counter()
        for event in events:
            if isinstance(event, Steps):
                self._seconds.append((time.perf_counter() - started) / len(event.lr_S))
            yield event
            started = time.perf_counter()

    @property
    def median(self) -> float | None:
        """Median seconds of a step. The first reading includes the warm-up, and counts only if it is the only one."""
        return statistics.median(self._seconds[1:] or self._seconds) if self._seconds else None


def _is_out_of_memory(error: Exception) -> bool:
    is_known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return is_known or "can't allocate memory" in str(error)


def _device_text(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device}, {plural(torch.get_num_threads(), 'thread')}" if device.type == "cpu" else str(device)
