"""The skip connection with branches scaled by their number."""

import math

from torch import Tensor

from resexp.nn.block import Residual


class Scaled(Residual):
    """x + f/√B, B the number of branches. Hayou 2021 (2010.12859). No parameters."""

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + f/√B."""
        return x + f / math.sqrt(self.position.branches)
