"""The size of a branch relative to the stream it is added to."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe


def branch_skip(probe: Probe) -> Tensor:
    """Ratio of what a block adds to what it adds to, RMS(combine(0, f))/RMS(combine(x, 0)).

    In blocks without a `Residual` it is RMS(h_l − h_{l−1})/RMS(h_{l−1}), NaN if the shapes differ. ∞ without a skip.

    Shape: (R, L), l = 1 … L.
    Unit: 1.
    Cost: none beyond the shared pass.
    Reference: De 2020 (2002.10444), section 3.
    """
    return torch.stack([branch / skip for branch, skip in probe.trace.branch_norms], 1)
