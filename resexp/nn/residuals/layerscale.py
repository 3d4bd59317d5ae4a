"""LayerScale: a learned vector on each branch."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BranchPosition, Residual, per_feature


class LayerScale(Residual):
    """x + γ ⊙ f. Touvron 2021 (2103.17239). D parameters per branch: γ, at the start `start` in all features.

    The paper starts at 0.1 up to depth 18, at 1e-5 up to depth 24, at 1e-6 beyond.
    """

    def __init__(self, position: BranchPosition, start: float = 1e-4) -> None:
        super().__init__(position)
        self.gamma = nn.Parameter(torch.full((position.width,), start))

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        return x + per_feature(self.gamma, f) * f
