"""LayerNorm as the article's text in section 3.2 has it."""

from torch import Tensor, nn

from resexp.nn.axes import features


class ArticleText(nn.Module):
    """(x − μ)/(σ² + ε): divided by the variance, not by its root. No parameters.

    It is inverse-homogeneous, norm(c x) = norm(x)/c, so that a stream's RMS zig-zags with depth.
    x: (B, D), (B, T, D) or (B, C, H, W).
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """The normalized x."""
        centerd = x - x.mean(features(x), keepdim=True)
        return centerd / (centerd.square().mean(features(x), keepdim=True) + self.eps)
