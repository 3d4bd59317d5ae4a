"""Learned linear map in place of the identity skip."""

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BranchPosition, Residual


class Projection(Residual):
    """G x + b + f. He 2016 (1603.05027), section 3.1: "1×1 conv shortcut"; the article's H = F(H) + G(H), section 4.1.

    D·(D + 1) parameters per branch, a linear map of the features, from the initializer. Of (B, D, H, W) it is a 1×1
    convolution.
    """

    def __init__(self, position: BranchPosition) -> None:
        super().__init__(position)
        self.skip = nn.Linear(position.width, position.width)

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        skip = self.skip(x.movedim(1, -1)).movedim(-1, 1) if x.ndim == 4 else self.skip(x)
        out: Tensor = skip + f
        return out
