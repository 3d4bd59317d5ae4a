"""Fixup: residual learning without a norm, by initialization."""

from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import ACTIVATIONS, LINEAR_LAYERS, BranchPosition, Residual, signal_path

BIASED = (*LINEAR_LAYERS, *(activation for activation in ACTIVATIONS.values() if activation is not nn.Identity))
"""Modules of a branch that get a bias before them."""


class Fixup(Residual):
    """x + s f + b, with norm=none. Zhang 2019 (1901.09321).

    Scalar parameters, per branch: s (1 at the start), b (0), and a bias (0) before each linear layer and activation of
    the branch. `own_init` sets the last weight of the branch and the head of the network to 0, and multiplies the
    other m − 1 ≥ 1 weights of the branch by B^(−1/(2m−2)) for B branches.
    """

    zero_head = True

    def __init__(self, position: BranchPosition, own_init: bool = True) -> None:
        super().__init__(position, own_init)
        self.scale, self.bias = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(0.0))

    @override
    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        return x + self.scale * f + self.bias

    @override
    def attach(self, body: nn.Module) -> None:
        for module in body.modules():
            if isinstance(module, BIASED):
                module.register_parameter("fixup_bias", nn.Parameter(torch.tensor(0.0)))
                module.register_forward_pre_hook(_add_bias)

    @override
    @torch.no_grad()
    def init(self, body: nn.Module) -> None:
        *others, last = signal_path(body)
        for layer in others:
            layer.weight *= self.position.branches ** (-1 / (2 * len(others)))
        last.weight.zero_()


def _add_bias(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (inputs[0] + module.fixup_bias, *inputs[1:])
