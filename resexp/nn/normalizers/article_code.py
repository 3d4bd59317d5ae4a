"""LayerNorm as in the code of the article, section 4.1."""

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import feature_axes


class ArticleCode(nn.Module):
    """(x − μ)/√(σ² + ε): LayerNorm without γ and β. No parameters."""

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps

    @override
    def forward(self, x: Tensor) -> Tensor:
        centered = x - x.mean(feature_axes(x), keepdim=True)
        return centered * (centered.square().mean(feature_axes(x), keepdim=True) + self.eps).rsqrt()
