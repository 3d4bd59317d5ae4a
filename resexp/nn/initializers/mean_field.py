"""Initialization of mean-field theory."""

import math

import torch
from torch import Tensor
from typing_extensions import override

from resexp.nn.initialize import Initializer, fan_in


class MeanField(Initializer):
    """Weights N(0, σ_w²/fan_in), biases N(0, σ_b²), in every linear layer. Poole 2016 (1606.05340), equation 1.

    Args:
        weight_variance: σ_w².
        bias_variance: σ_b².

    """

    def __init__(self, weight_variance: float = 1.0, bias_variance: float = 0.0) -> None:
        self.weight_std, self.bias_std = math.sqrt(weight_variance), math.sqrt(bias_variance)

    @override
    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        weight.normal_(0, self.weight_std / math.sqrt(fan_in(weight)), generator=generator)

    @override
    def bias(self, bias: Tensor, generator: torch.Generator) -> None:
        bias.normal_(0, self.bias_std, generator=generator)
