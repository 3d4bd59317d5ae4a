"""ReZero: a learned scalar per layer."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BranchPosition, Residual


class ReZero(Residual):
    """x + α f, with norm=none. Bachlechner 2020 (2003.04887).

    1 parameter per layer: α, shared by the branches of the layer, 0 at the start.
    """

    shared = True

    def __init__(self, position: BranchPosition) -> None:
        super().__init__(position)
        self.alpha = nn.Parameter(torch.tensor(0.0))

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        return x + self.alpha * f
