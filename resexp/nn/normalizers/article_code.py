"""LayerNorm as the article's code in section 4.1 has it."""

from torch import Tensor, nn

from resexp.nn.axes import features


class ArticleCode(nn.Module):
    """(x − μ)/√(σ² + ε): LayerNorm without its affine part. No parameters.

    x: (B, D), (B, T, D) or (B, C, H, W).
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """The normalized x."""
        centerd = x - x.mean(features(x), keepdim=True)
        return centerd * (centerd.square().mean(features(x), keepdim=True) + self.eps).rsqrt()
