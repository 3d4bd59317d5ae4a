"""LayerNorm as in the text of the article, section 3.2."""

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import feature_axes


class ArticleText(nn.Module):
    """(x − μ)/(σ² + ε): division by the variance, not by its root. No parameters.

    For ε → 0, norm(c x) = norm(x)/c, so the RMS of a stream alternates with depth.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps

    @override
    def forward(self, x: Tensor) -> Tensor:
        centered = x - x.mean(feature_axes(x), keepdim=True)
        return centered / (centered.square().mean(feature_axes(x), keepdim=True) + self.eps)
