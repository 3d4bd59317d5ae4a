"""Glorot's initialisation."""

import torch
from torch import Tensor, nn

from resexp.nn.init import Scheme


class Xavier(Scheme):
    """N(0, 2/(fan_in + fan_out)). Glorot 2010, "Understanding the difficulty of training", equation 12."""

    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        """Fill `weight` in place."""
        nn.init.xavier_normal_(weight, generator=generator)
