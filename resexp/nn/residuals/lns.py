"""LayerNorm scaling: the branch sees less the deeper it stands."""

import math

from torch import Tensor

from resexp.nn.block import Residual, Site


class LayerNormScaling(Residual):
    """x + f(norm(x)/√l), l the 1-based layer. Sun 2025 (2502.05795). No parameters."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.layer = site.layer

    def enter(self, u: Tensor) -> Tensor:
        """u/√l."""
        return u / math.sqrt(self.layer)

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + f."""
        return x + f
