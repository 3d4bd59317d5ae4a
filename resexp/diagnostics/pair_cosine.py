"""How parallel the inputs have become."""

import torch
import torch.nn.functional as F
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.rows import of_streams


def pair_cosine(probe: Probe) -> Tensor:
    """Mean cosine between h_l of different probe inputs, or of the tokens of a sequence, l = 0 … L, (R, L + 1).

    Unit: 1. Cost: O(64 n) a layer, by Σ_{i≠j} x̂_i·x̂_j = ‖Σ x̂‖² − N. Poole 2016 (1606.05340), section 2.2.
    """
    return of_streams(probe, _mean_cosine)


def _mean_cosine(x: Tensor) -> Tensor:
    units, count = F.normalize(x, dim=-1, eps=torch.finfo(x.dtype).tiny), x.shape[2]
    together = units.sum(2).square().sum(-1) - units.square().sum((2, 3))
    return (together / max(1, count * (count - 1))).mean(1)
