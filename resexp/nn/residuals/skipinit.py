"""SkipInit: a learned scalar on each branch."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BranchPosition, Residual


class SkipInit(Residual):
    """x + α f. De 2020 (2002.10444). 1 parameter per branch: α, at the start `start`, in the paper 0."""

    def __init__(self, position: BranchPosition, start: float = 0.0) -> None:
        super().__init__(position)
        self.alpha = nn.Parameter(torch.tensor(start))

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        return x + self.alpha * f
