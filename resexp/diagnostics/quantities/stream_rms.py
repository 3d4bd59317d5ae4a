"""The size of the stream."""

import math

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe, replicate_norms


def stream_rms(probe: Probe) -> Tensor:
    """Root mean square of the stream over samples and features, √mean h_l².

    Shape: (R, L + 1), l = 0 … L.
    Unit: that of the stream.
    Cost: none beyond the shared pass.
    Reference: its square is q_l of Poole 2016 (1606.05340).
    """
    return torch.stack([replicate_norms(h) / math.sqrt(h[0].numel()) for h in probe.trace.streams], 1)
