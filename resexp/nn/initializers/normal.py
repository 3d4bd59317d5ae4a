"""Weights of one given spread."""

import torch
from torch import Tensor

from resexp.nn.initialize import Initializer


class Normal(Initializer):
    """N(0, std²), whatever the fan-in; the article takes std = 1."""

    def __init__(self, std: float = 1.0) -> None:
        self.std = std

    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        """Fill `weight` in place."""
        weight.normal_(0, self.std, generator=generator)
