"""Samples of any shape as pictures."""

from torch import Tensor


def picture(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(C, H, W) of a sample: a picture's own; (H, W) is one channel, (W,) one row of it."""
    channels, height, width = (1,) * (3 - len(shape)) + shape
    return channels, height, width


def as_images(x: Tensor) -> Tensor:
    """(B, *shape) → (B, C, H, W)."""
    return x.view(len(x), *picture(tuple(x.shape[1:])))
