"""DeepNorm: a scaled skip before the norm, and smaller branches."""

import math

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import Residual, signal_path


class DeepNorm(Residual):
    """α x + f, α = B^¼ for B branches, with norm=post. Wang 2022 (2203.00555). No parameters.

    `own_init` multiplies the initial weights of the branch, except queries and keys, by β = (4B)^(−¼). For the paper's
    N layers of two branches, α = (2N)^¼ and β = (8N)^(−¼).
    """

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        return math.pow(self.position.branches, 0.25) * x + f

    @override
    @torch.no_grad()
    def init(self, body: nn.Module) -> None:
        for layer in signal_path(body):
            layer.weight *= math.pow(4 * self.position.branches, -0.25)
