"""Xavier (Glorot) initialization."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.initialize import Initializer


class Xavier(Initializer):
    """N(0, 2/(fan_in + fan_out)); biases 0.

    Glorot 2010, "Understanding the difficulty of training deep feedforward neural networks", equation 12.
    """

    @override
    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        nn.init.xavier_normal_(weight, generator=generator)
