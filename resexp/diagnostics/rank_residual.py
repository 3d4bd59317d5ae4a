"""What is left of the inputs beside their mean."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.rows import of_streams


def rank_residual(probe: Probe) -> Tensor:
    """‖X − 1x̄ᵀ‖/‖X‖, X the matrix of ≤ 64 inputs or tokens at h_l, l = 0 … L, (R, L + 1).

    Unit: 1; 0 where they are all the same. Cost: O(64 n) a layer. Dong 2021 (2103.03404), section 2.
    """
    return of_streams(probe, _residual)


def _residual(x: Tensor) -> Tensor:
    rest = x - x.mean(2, keepdim=True)
    size = x.flatten(2).norm(dim=2).clamp_min(torch.finfo(x.dtype).tiny)
    share: Tensor = rest.flatten(2).norm(dim=2) / size
    return share.mean(1)
