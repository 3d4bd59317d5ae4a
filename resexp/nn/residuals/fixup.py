"""Fixup: residual learning without a norm, by initialization."""

from typing import Any

import torch
from torch import Tensor, nn

from resexp.nn.block import BranchPosition, Residual
from resexp.nn.bodies.weights import LINEAR, signal_path

ACTIVATIONS = (nn.ReLU, nn.GELU, nn.Tanh, nn.SiLU)


class Fixup(Residual):
    """x + s f + b, in place of a norm. Zhang 2019 (1901.09321).

    With `own_init`, of a branch's m ≥ 2 weights the last starts at 0, as does the head, and the others L^(−1/(2m−2))
    times as large, L the number of branches. s is a learned scalar (1 at the start), b a learned bias (0), and another
    such bias stands before each linear layer and each activation of the branch: 2 parameters, and 1 for each of these,
    a branch.
    """

    zero_head = True

    def __init__(self, position: BranchPosition, own_init: bool = True) -> None:
        super().__init__(position, own_init)
        self.scale, self.bias = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(0.0))

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """x + s f + b."""
        return x + self.scale * f + self.bias

    def adopt(self, body: nn.Module) -> None:
        """Add the biases before linear layers and activations."""
        for module in body.modules():
            if isinstance(module, (*LINEAR, *ACTIVATIONS)):
                module.register_parameter("fixup_bias", nn.Parameter(torch.tensor(0.0)))
                module.register_forward_pre_hook(_add_bias)

    @torch.no_grad()
    def init(self, body: nn.Module) -> None:
        """The last weight 0, the others shrunk."""
        *others, last = signal_path(body)
        for layer in others:
            layer.weight *= self.position.branches ** (-1 / (2 * len(others)))
        last.weight.zero_()


def _add_bias(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (inputs[0] + module.fixup_bias, *inputs[1:])
