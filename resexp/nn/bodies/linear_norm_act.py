"""One linear layer, a norm, an activation."""

from torch import Tensor, nn

from resexp.nn.block import BlockConfig, Linear
from resexp.nn.dropout import dropout_of


class LinearNormAct(nn.Module):
    """φ(norm(W u + b)): the "conv-BN-ReLU" of He 2015 (1512.03385). D·(D + 1) parameters and a norm's.

    The norm is there wherever `norm` is not none. `dropout` follows φ.
    """

    beside_activation = ("fc",)

    def __init__(self, linear: Linear, config: BlockConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc = linear(config.width, config.width)
        self.norm = config.norm(config.placement.anywhere)
        self.activation = config.activation()
        self.dropout = dropout_of(dropout)

    def forward(self, u: Tensor) -> Tensor:
        """The branch's output, in the shape of u."""
        out: Tensor = self.dropout(self.activation(self.norm(self.fc(u))))
        return out
