"""No skip connection."""

from torch import Tensor
from typing_extensions import override

from resexp.nn.block import Residual


class NoSkip(Residual):
    """f: a plain network. No parameters."""

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        return f
