"""Activation, linear."""

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BlockConfig, Linear
from resexp.nn.dropout import dropout_of


class ActLinear(nn.Module):
    """W drop(φ(u)) + b, stream → stream. He 2016 (1603.05027).

    D·(D + 1) parameters, W and b from the initializer. `dropout` is the rate of drop.
    """

    beside_activation = ("fc",)

    def __init__(self, linear: Linear, config: BlockConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.activation = config.activation()
        self.dropout = dropout_of(dropout)
        self.fc = linear(config.width, config.width)

    @override
    def forward(self, u: Tensor) -> Tensor:
        out: Tensor = self.fc(self.dropout(self.activation(u)))
        return out
