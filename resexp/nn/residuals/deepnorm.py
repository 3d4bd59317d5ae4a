"""DeepNorm: a heavier skip before the norm, lighter branches."""

import math

import torch
from torch import Tensor, nn

from resexp.nn.block import BranchPosition, Residual
from resexp.nn.bodies.weights import signal_path


class DeepNorm(Residual):
    """α x + f, then the norm; α = B^¼, B the number of branches. Wang 2022 (2203.00555). No parameters.

    With `own_init` the branch's weights start (4B)^(−¼) times as large; those of queries and keys are left as they
    are. For the paper's N layers of two branches this is its α = (2N)^¼ and β = (8N)^(−¼). It needs norm=post.
    """

    def __init__(self, position: BranchPosition, own_init: bool = True) -> None:
        super().__init__(position, own_init)

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """α x + f."""
        return math.pow(self.position.branches, 0.25) * x + f

    @torch.no_grad()
    def init(self, body: nn.Module) -> None:
        """Shrink the branch's weights."""
        for layer in signal_path(body):
            layer.weight *= math.pow(4 * self.position.branches, -0.25)
