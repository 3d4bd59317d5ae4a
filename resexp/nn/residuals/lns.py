"""LayerNorm scaling: the branch sees less the deeper it stands."""

import math

from torch import Tensor

from resexp.nn.block import Residual


class LayerNormScaling(Residual):
    """x + f(norm(x)/√l), l the 1-based layer. Sun 2025 (2502.05795). No parameters."""

    def enter(self, u: Tensor) -> Tensor:
        """u/√l."""
        return u / math.sqrt(self.position.layer)

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + f."""
        return x + f
