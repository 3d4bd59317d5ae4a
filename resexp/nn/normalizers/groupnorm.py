"""Group normalization."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from resexp.config.errors import InputError


class GroupNorm(nn.Module):
    """LayerNorm within each of `groups` groups of features. Wu 2018 (1803.08494).

    2·D parameters, γ = 1 and β = 0 at the start. Raises InputError if `groups` does not divide D.
    """

    def __init__(self, width: int, groups: int = 8, eps: float = 1e-5) -> None:
        super().__init__()
        if groups < 1 or width % groups:
            raise InputError(f"normalizer.groups={groups}: does not divide the width {width}")
        self.groups, self.eps = groups, eps
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    @override
    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, 1) if x.ndim == 3 else x
        return F.group_norm(tokens, self.groups, self.weight, self.bias, self.eps).view_as(x)
