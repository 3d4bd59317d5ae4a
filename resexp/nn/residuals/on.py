"""The identity skip connection."""

from torch import Tensor

from resexp.nn.block import Residual


class IdentitySkip(Residual):
    """x + f. He 2015 (1512.03385), equation 1."""

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + f, (B, D)."""
        return x + f
