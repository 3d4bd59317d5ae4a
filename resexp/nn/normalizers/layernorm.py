"""Layer normalization."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """(x − μ)/√(σ² + ε) · γ + β, over the features; of pictures over (C, H, W). Ba 2016 (1607.06450). 2·D parameters.

    x: (B, D), (B, T, D) or (B, C, H, W).
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """The normalized x."""
        if x.ndim == 4:
            return F.group_norm(x, 1, self.weight, self.bias, self.eps)
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)
