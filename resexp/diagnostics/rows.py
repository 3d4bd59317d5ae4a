"""The vectors that a stream consists of."""

import torch
from torch import Tensor

MOST = 64
"""Vectors that are compared with one another."""


def as_rows(h: Tensor) -> Tensor:
    """The stream (R, B, …) as matrices (R, M, N, n) of at most 64 vectors: of samples, or the tokens of each sequence.

    Scaled to a largest entry of 1, so that no square is beyond float32; non-finite ones are 0.
    """
    x = h[:, :MOST] if h.ndim == 4 else h.flatten(2)[:, None, :MOST]
    if h.ndim == 4:
        x = h[:, : max(1, MOST // h.shape[2]), :MOST]
    x = x.nan_to_num(0.0, 0.0, 0.0)
    peak = x.abs().amax((1, 2, 3), keepdim=True)
    return x / peak.clamp_min(torch.finfo(x.dtype).tiny)


def finite_only(values: Tensor, h: Tensor) -> Tensor:
    """`values` (R,), NaN where the stream is not finite."""
    return values.double().where(h.flatten(1).isfinite().all(1), torch.nan)
