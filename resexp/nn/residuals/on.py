"""Identity skip connection."""

from torch import Tensor
from typing_extensions import override

from resexp.nn.block import Residual


class IdentitySkip(Residual):
    """x + f. He 2015 (1512.03385), equation 1. No parameters."""

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        return x + f
