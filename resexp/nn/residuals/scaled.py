"""Skip connection with branches scaled by their number."""

import math

from torch import Tensor
from typing_extensions import override

from resexp.nn.block import Residual


class Scaled(Residual):
    """x + f/√B for B branches. Hayou 2021 (2010.12859). No parameters."""

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        return x + f / math.sqrt(self.position.branches)
