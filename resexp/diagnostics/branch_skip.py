"""How much a block adds to the stream."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe


def branch_skip(probe: Probe) -> Tensor:
    """RMS(combine(0, f))/RMS(combine(x, 0)) of block l = 1 … L, (R, L): of αF over the skip; ∞ without a skip.

    Unit: 1. Cost: none beyond the pass. De 2020 (2002.10444), section 3. Of blocks without a residual scheme of ours
    it is RMS(h_l − h_{l−1})/RMS(h_{l−1}), NaN where their shapes differ.
    """
    return torch.stack([branch / skip for branch, skip in probe.trace.parts], 1)
