"""Which axes of a stream are features: the last of (B, D) and (B, T, D), all but the first of (B, C, H, W)."""

from torch import Tensor


def features(x: Tensor) -> tuple[int, ...]:
    """The axes over which a sample, or a token, is normalized."""
    return (1, 2, 3) if x.ndim == 4 else (-1,)


def per_feature(vector: Tensor, x: Tensor) -> Tensor:
    """A vector (D,), or (C,), shaped to be broadcast over x."""
    return vector[:, None, None] if x.ndim == 4 else vector
