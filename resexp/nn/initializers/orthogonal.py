"""Orthogonal weights."""

import math

import torch
from torch import Tensor, nn

from resexp.nn.initialize import Initializer


class Orthogonal(Initializer):
    """W Wᵀ = g² 1 (or Wᵀ W, whichever is smaller) for W as a matrix (out, in); g² = 2 beside an activation, else 1.

    Saxe 2014 (1312.6120). `gain` multiplies g.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        """Fill `weight` in place."""
        nn.init.orthogonal_(weight, self.gain * (math.sqrt(2) if beside_activation else 1.0), generator=generator)
