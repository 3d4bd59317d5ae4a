"""Dynamic tanh."""

import torch
from torch import Tensor, nn

from resexp.nn.axes import per_feature


class DyT(nn.Module):
    """γ · tanh(α x) + β, α a learned scalar: no statistics at all. Zhu 2025 (2503.10622). 2·D + 1 parameters.

    x: (B, D), (B, T, D) or (B, C, H, W).
    """

    def __init__(self, width: int, alpha: float = 0.5) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(alpha))
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """The squashed x."""
        return torch.tanh(self.alpha * x) * per_feature(self.weight, x) + per_feature(self.bias, x)
