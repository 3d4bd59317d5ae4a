"""The vectors that a stream consists of."""

from collections.abc import Callable

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe

MOST = 64
"""Vectors that are compared with one another."""


def of_streams(probe: Probe, measure: Callable[[Tensor], Tensor]) -> Tensor:
    """`measure`, from (R, M, N, n) to (R,), of the rows of h_0 … h_L, (R, L + 1); NaN where h_l is not finite."""
    if "rows" not in probe.known:
        streams = probe.trace.streams
        finite_RL = torch.stack([h.flatten(1).isfinite().all(1) for h in streams], 1)
        probe.known["rows"] = [as_rows(h) for h in streams], finite_RL
    rows, finite_RL = probe.known["rows"]
    return torch.stack([measure(x).double() for x in rows], 1).where(finite_RL, torch.nan)


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
