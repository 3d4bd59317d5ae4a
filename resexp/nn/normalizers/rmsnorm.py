"""Root-mean-square normalization."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import feature_axes, per_feature


class RMSNorm(nn.Module):
    """x/√(mean x² + ε) · γ: LayerNorm without the mean. Zhang 2019 (1910.07467). D parameters, γ = 1 at the start.

    torch's own RMS norm is not used: it does not take (B, D, H, W) and has no fused kernel under vmap.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    @override
    def forward(self, x: Tensor) -> Tensor:
        scale = (x.square().mean(feature_axes(x), keepdim=True) + self.eps).rsqrt()
        return x * scale * per_feature(self.weight, x)
