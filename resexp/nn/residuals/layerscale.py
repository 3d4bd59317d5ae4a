"""LayerScale: a learnt vector on each branch."""

import torch
from torch import Tensor, nn

from resexp.nn.axes import per_feature
from resexp.nn.block import Residual, Site


class LayerScale(Residual):
    """x + γ ⊙ f, γ a learnt vector that starts at `start`. Touvron 2021 (2103.17239). D parameters a branch.

    The paper starts at 0.1 to depth 18, 1e-5 to 24, 1e-6 beyond.
    """

    def __init__(self, site: Site, start: float = 1e-4) -> None:
        super().__init__(site)
        self.gamma = nn.Parameter(torch.full((site.width,), start))

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + γ ⊙ f."""
        return x + per_feature(self.gamma, f) * f
