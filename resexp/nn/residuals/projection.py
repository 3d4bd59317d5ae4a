"""A learned linear map in place of the identity skip."""

from torch import Tensor, nn

from resexp.nn.block import BranchPosition, Residual


class Projection(Residual):
    """G x + f, G a learned linear map of the features: of pictures a 1×1 convolution. D·(D + 1) parameters a branch.

    The article's H = F(H) + G(H), section 4.1; He 2016 (1603.05027), section 3.1: "1×1 conv shortcut".
    """

    def __init__(self, position: BranchPosition) -> None:
        super().__init__(position)
        self.skip = nn.Linear(position.width, position.width)

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """G x + f."""
        skip = self.skip(x.movedim(1, -1)).movedim(-1, 1) if x.ndim == 4 else self.skip(x)
        out: Tensor = skip + f
        return out
