"""LayerNorm scaling: the input of the branch shrinks with depth."""

import math

from torch import Tensor
from typing_extensions import override

from resexp.nn.block import Residual


class LayerNormScaling(Residual):
    """x + f(norm(x)/√l) in layer l, counted from 1. Sun 2025 (2502.05795). No parameters."""

    @override
    def enter(self, u: Tensor) -> Tensor:
        return u / math.sqrt(self.position.layer)

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        return x + f
