"""What the training of a cell tells those who watch it. Imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resexp.config.cell import Cell
from resexp.engine.events import Event
from resexp.record.result import CellResult


@dataclass(frozen=True)
class CellStart:
    """What is about to be trained. `role` is "cell", or "reference" for the shallow network that sets the bar.

    `step` is where a checkpoint lets it go on.
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
    """Another process trains this cell."""

    path: Path


@dataclass(frozen=True)
class Notice:
    """Something that the user should know of, in a line."""

    text: str


@dataclass(frozen=True)
class CellEnd:
    """What came out; `trained` is empty where all of it was there already."""

    role: str
    result: CellResult
    trained: tuple[int, ...]


Callback = Callable[[CellStart | CellWait | Notice | CellEnd | Event], None]
