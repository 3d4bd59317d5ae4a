"""LeCun initialization."""

import math

import torch
from torch import Tensor
from typing_extensions import override

from resexp.nn.initialize import Initializer, fan_in


class LeCun(Initializer):
    """N(0, 1/fan_in); biases 0. LeCun 1998, "Efficient BackProp", section 4.6."""

    @override
    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        weight.normal_(0, 1 / math.sqrt(fan_in(weight)), generator=generator)
