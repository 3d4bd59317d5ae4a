"""Orthogonal initialization."""

import math

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.initialize import Initializer


class Orthogonal(Initializer):
    """W Wᵀ = g² I, or Wᵀ W = g² I if out > fan_in; biases 0. Saxe 2014 (1312.6120).

    W is the weight as a matrix (out, fan_in), uniformly distributed. g² = 2 beside an activation, else 1; `gain`
    multiplies g.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    @override
    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        nn.init.orthogonal_(weight, self.gain * (math.sqrt(2) if beside_activation else 1.0), generator=generator)
