"""Glorot's initialization."""

import torch
from torch import Tensor, nn

from resexp.nn.initialize import Initializer


class Xavier(Initializer):
    """N(0, 2/(fan_in + fan_out)). Glorot 2010, "Understanding the difficulty of training", equation 12."""

    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        """Fill `weight` in place."""
        nn.init.xavier_normal_(weight, generator=generator)
