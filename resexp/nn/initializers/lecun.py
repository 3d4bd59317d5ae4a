"""LeCun's initialization."""

import math

import torch
from torch import Tensor

from resexp.nn.initialize import Initializer, fan_in


class LeCun(Initializer):
    """N(0, 1/fan_in). LeCun 1998, "Efficient BackProp", section 4.6."""

    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        """Fill `weight` in place."""
        weight.normal_(0, 1 / math.sqrt(fan_in(weight)), generator=generator)
