"""ReZero: a learned scalar for each layer, in place of a norm."""

import torch
from torch import Tensor, nn

from resexp.nn.block import BranchPosition, Residual


class ReZero(Residual):
    """x + α f, α = 0 at the start, one for all branches of a layer. Bachlechner 2020 (2003.04887). 1 parameter a layer.

    It takes the place of a norm.
    """

    shared = True

    def __init__(self, position: BranchPosition) -> None:
        super().__init__(position)
        self.alpha = nn.Parameter(torch.tensor(0.0))

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + α f."""
        return x + self.alpha * f
