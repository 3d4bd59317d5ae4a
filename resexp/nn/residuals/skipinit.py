"""SkipInit: a learnt scalar on each branch."""

import torch
from torch import Tensor, nn

from resexp.nn.block import Residual, Site


class SkipInit(Residual):
    """x + α f, α a learnt scalar that starts at `start`, usually 0. De 2020 (2002.10444). 1 parameter a branch."""

    def __init__(self, site: Site, start: float = 0.0) -> None:
        super().__init__(site)
        self.alpha = nn.Parameter(torch.tensor(start))

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + α f."""
        return x + self.alpha * f
