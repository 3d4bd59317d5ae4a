"""LayerNorm as in the formula of the article, section 4.2."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import feature_axes, per_feature


class ArticleFormula(nn.Module):
    """(x − b)/√(Σ(x − μ)² + ε), with a learned bias b in place of the mean. D parameters, b = 0 at the start.

    The sum lacks the 1/n of a variance: a centered x of n features is scaled to norm 1, not to RMS 1. The mean is not
    removed.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.bias = nn.Parameter(torch.zeros(width))

    @override
    def forward(self, x: Tensor) -> Tensor:
        centered = x - x.mean(feature_axes(x), keepdim=True)
        scale = (centered.square().sum(feature_axes(x), keepdim=True) + self.eps).rsqrt()
        return (x - per_feature(self.bias, x)) * scale
