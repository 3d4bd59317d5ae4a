"""What a network is for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """Samples of a shape, to be told apart into classes.

    `symbols`: a sample is a sequence (T,) of integers below `classes`, and each has a target of its own.
    """

    shape: tuple[int, ...]
    classes: int
    symbols: bool = False
