"""Synthetic tasks, generated."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from resexp.config.errors import InputError, nearest
from resexp.data.dataset import Split
from resexp.seeding import key

WIDTH = 32


class Synthetic:
    """A synthetic task, by default of 4,096 + 1,024 samples in 10 classes.

    | kind | inputs | labels |
    |---|---|---|
    | teacher | (32,), N(0, 1) | argmax of a random ReLU network of two layers |
    | spirals | (2,), points on spirals of one and a half turns, with noise | the spiral |
    | random_labels | (32,), N(0, 1) | random: Zhang 2017 (1611.03530) |

    Args:
        kind: the task.
        train: number of training samples.
        validation: number of validation samples.
        classes: number of classes.

    """

    def __init__(self, kind: str = "teacher", train: int = 4096, validation: int = 1024, classes: int = 10) -> None:
        if kind not in KINDS:
            raise InputError(f"dataset.kind={kind}: no such kind{nearest(kind, KINDS)}")
        self.kind, self.train, self.validation, self.classes = kind, train, validation, classes

    def load(self) -> tuple[Split, Split, int]:
        """Return the splits, (N, 32) or (N, 2) float32, and the number of classes."""
        generator = torch.Generator().manual_seed(key("synthetic", self.kind))
        both = KINDS[self.kind](self.train + self.validation, self.classes, generator)
        cut = torch.arange(len(both)).split([self.train, self.validation])
        return both.take(cut[0]), both.take(cut[1]), self.classes


def _teacher(count: int, classes: int, generator: torch.Generator) -> Split:
    x, w1, w2 = (_normal(shape, generator) for shape in ((count, WIDTH), (WIDTH, WIDTH), (WIDTH, classes)))
    return Split(x, ((x @ w1).relu() @ w2).argmax(1))


def _spirals(count: int, classes: int, generator: torch.Generator) -> Split:
    y = torch.randint(classes, (count,), generator=generator)
    radius = torch.rand(count, generator=generator).sqrt()
    angle = 3 * math.pi * radius + 2 * math.pi * y / classes
    x = radius[:, None] * torch.stack((angle.cos(), angle.sin()), 1)
    return Split(x + 0.01 * _normal((count, 2), generator), y)


def _random_labels(count: int, classes: int, generator: torch.Generator) -> Split:
    return Split(_normal((count, WIDTH), generator), torch.randint(classes, (count,), generator=generator))


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator)


KINDS: dict[str, Callable[[int, int, torch.Generator], Split]] = {
    "teacher": _teacher,
    "spirals": _spirals,
    "random_labels": _random_labels,
}
