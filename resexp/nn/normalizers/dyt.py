"""Dynamic tanh."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import per_feature


class DyT(nn.Module):
    """γ · tanh(α x) + β, elementwise, without statistics. Zhu 2025 (2503.10622).

    2·D + 1 parameters: a scalar α, at the start `alpha`, and γ = 1, β = 0.
    """

    def __init__(self, width: int, alpha: float = 0.5) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(alpha))
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    @override
    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.alpha * x) * per_feature(self.weight, x) + per_feature(self.bias, x)
