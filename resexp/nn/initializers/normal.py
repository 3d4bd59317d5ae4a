"""Normal initialization with one standard deviation for all layers."""

import torch
from torch import Tensor
from typing_extensions import override

from resexp.nn.initialize import Initializer


class Normal(Initializer):
    """N(0, std²) for any fan-in; biases 0. The article takes std = 1."""

    def __init__(self, std: float = 1.0) -> None:
        self.std = std

    @override
    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        weight.normal_(0, self.std, generator=generator)
