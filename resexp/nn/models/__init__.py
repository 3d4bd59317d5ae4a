"""Models, one file per variant, the task that they are built for, and samples viewed as images.

A model is built from a `BlockConfig` and a `Task`. With the class attribute `vmap_on_cpu = False`, `pack=auto` does not
use vmap on a CPU.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Task:
    """The classification task of a network.

    Attributes:
        shape: the shape of a sample.
        classes: number of classes; of tokens the size of the vocabulary.
        is_tokens: true if a sample is a sequence (T,) of tokens, integers below `classes`, with one target per token.

    """

    shape: tuple[int, ...]
    classes: int
    is_tokens: bool = False


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (C, H, W) of a sample: (H, W) is an image of one channel, (W,) one row of it."""
    channels, height, width = (1,) * (3 - len(shape)) + shape
    return channels, height, width


def as_images(x: Tensor) -> Tensor:
    """View samples (B, *shape) as images (B, C, H, W)."""
    return x.view(len(x), *image_shape(tuple(x.shape[1:])))
