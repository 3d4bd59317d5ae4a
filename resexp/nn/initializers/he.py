"""He initialization."""

import math

import torch
from torch import Tensor
from typing_extensions import override

from resexp.nn.initialize import Initializer, fan_in


class He(Initializer):
    """N(0, 2/fan_in) beside an activation, whichever it is, else N(0, 1/fan_in); biases 0.

    He 2015 (1502.01852), section 2.2.
    """

    @override
    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        weight.normal_(0, math.sqrt((2 if beside_activation else 1) / fan_in(weight)), generator=generator)
