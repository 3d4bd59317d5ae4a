"""Root-mean-square normalization."""

import torch
from torch import Tensor, nn

from resexp.nn.axes import features, per_feature


class RMSNorm(nn.Module):
    """x/√(mean x² + ε) · γ: LayerNorm without the mean. Zhang 2019 (1910.07467). D parameters.

    x: (B, D), (B, T, D) or (B, C, H, W). Not torch's own, which knows no pictures and, under vmap, no fused kernel.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """The normalized x."""
        scale = (x.square().mean(features(x), keepdim=True) + self.eps).rsqrt()
        return x * scale * per_feature(self.weight, x)
