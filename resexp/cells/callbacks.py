"""The events that the training of a cell reports to its callback. Imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resexp.config.cell import Cell
from resexp.engine.events import Event
from resexp.record.result import CellResult


@dataclass(frozen=True)
class CellStart:
    """The start of the training of a pack.

    Attributes:
        role: "cell", or "reference" for the shallow network that sets the target loss.
        cell: the cell.
        seeds: the seeds of the pack.
        reused: the seeds that were trained before and are kept.
        parameters: number of parameters of a replicate.
        flops: FLOPs of a step of the pack; None if not countable.
        mode: how the replicates run, such as "vmap".
        device: a description of the device.
        samples: the size of the training split.
        step: the step from which a checkpoint resumes, else 0.

    """

    role: str
    cell: Cell
    seeds: tuple[int, ...]
    reused: tuple[int, ...]
    parameters: int
    flops: int | None
    mode: str
    device: str
    samples: int
    step: int = 0


@dataclass(frozen=True)
class CellWait:
    """Another process trains this cell, and the training waits for it."""

    path: Path


@dataclass(frozen=True)
class Notice:
    """A line that the user should see."""

    text: str


@dataclass(frozen=True)
class CellEnd:
    """The result of a cell; `trained` are the seeds trained now, none if all were done before."""

    role: str
    result: CellResult
    trained: tuple[int, ...]


CellEvent = CellStart | CellWait | Notice | CellEnd | Event

Callback = Callable[[CellEvent], None]

CallbackFor = Callable[[Cell], Callback]
"""Returns the callback for the events of a cell."""
