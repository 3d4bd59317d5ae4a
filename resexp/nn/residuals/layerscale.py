"""LayerScale: a learned vector on each branch."""

import torch
from torch import Tensor, nn

from resexp.nn.axes import per_feature
from resexp.nn.block import BranchPosition, Residual


class LayerScale(Residual):
    """x + γ ⊙ f, γ a learned vector that starts at `start`. Touvron 2021 (2103.17239). D parameters a branch.

    The paper starts at 0.1 to depth 18, 1e-5 to 24, 1e-6 beyond.
    """

    def __init__(self, position: BranchPosition, start: float = 1e-4) -> None:
        super().__init__(position)
        self.gamma = nn.Parameter(torch.full((position.width,), start))

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + γ ⊙ f."""
        return x + per_feature(self.gamma, f) * f
