"""SkipInit: a learned scalar on each branch."""

import torch
from torch import Tensor, nn

from resexp.nn.block import BranchPosition, Residual


class SkipInit(Residual):
    """x + α f, α a learned scalar that starts at `start`, usually 0. De 2020 (2002.10444). 1 parameter a branch."""

    def __init__(self, position: BranchPosition, start: float = 0.0) -> None:
        super().__init__(position)
        self.alpha = nn.Parameter(torch.tensor(start))

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + α f."""
        return x + self.alpha * f
