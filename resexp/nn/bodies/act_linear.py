"""An activation, then one linear layer."""

from torch import Tensor, nn

from resexp.nn.block import BlockConfig, Linear
from resexp.nn.dropout import dropout_of


class ActLinear(nn.Module):
    """W φ(u) + b: the order of He 2016 (1603.05027). D·(D + 1) parameters; `dropout` follows φ."""

    beside_activation = ("fc",)

    def __init__(self, linear: Linear, config: BlockConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.activation = config.activation()
        self.dropout = dropout_of(dropout)
        self.fc = linear(config.width, config.width)

    def forward(self, u: Tensor) -> Tensor:
        """The branch's output, in the shape of u."""
        out: Tensor = self.fc(self.dropout(self.activation(u)))
        return out
