"""LayerNorm as the article's formula in section 4.2 has it."""

import torch
from torch import Tensor, nn

from resexp.nn.axes import features, per_feature


class ArticleFormula(nn.Module):
    """(x − b)/√(Σ(x − μ)² + ε), b a learned bias in place of the mean. D parameters.

    Without the 1/n of a variance the output of n features has norm 1, not RMS 1; the mean stays.
    x: (B, D), (B, T, D) or (B, C, H, W).
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """The normalized x."""
        centerd = x - x.mean(features(x), keepdim=True)
        scale = (centerd.square().sum(features(x), keepdim=True) + self.eps).rsqrt()
        return (x - per_feature(self.bias, x)) * scale
