"""No skip connection."""

from torch import Tensor

from resexp.nn.block import Residual


class NoSkip(Residual):
    """f: a plain network."""

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """f, (B, D)."""
        return f
