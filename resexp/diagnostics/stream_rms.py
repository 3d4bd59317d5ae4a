"""The size of the stream."""

import math

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe


def stream_rms(probe: Probe) -> Tensor:
    """√mean h_l² over samples and features, l = 0 … L, (R, L + 1).

    Unit: that of the stream. Cost: none beyond the pass. Its square is the q_l of Poole 2016 (1606.05340).
    """
    return torch.stack([row_norms(h) / math.sqrt(h[0].numel()) for h in probe.trace.streams], 1)


def row_norms(x: Tensor) -> Tensor:
    """The norm of each replicate's part of x, (R,), in float64: its square may be beyond float32."""
    out: Tensor = torch.linalg.vector_norm(x.reshape(len(x), -1), dim=1, dtype=torch.float64)
    return out
