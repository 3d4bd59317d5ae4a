"""Layer normalization."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override


class LayerNorm(nn.Module):
    """(x − μ)/√(σ² + ε) · γ + β. Ba 2016 (1607.06450). 2·D parameters, γ = 1 and β = 0 at the start."""

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    @override
    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            return F.group_norm(x, 1, self.weight, self.bias, self.eps)
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)
