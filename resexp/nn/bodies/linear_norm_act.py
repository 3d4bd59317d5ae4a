"""Linear, norm, activation."""

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BlockConfig, Linear
from resexp.nn.dropout import dropout_of


class LinearNormAct(nn.Module):
    """drop(φ(norm(W u + b))), stream → stream: the "conv-BN-ReLU" of He 2015 (1512.03385).

    D·(D + 1) parameters, from the initializer, and those of the norm, which is the identity if `norm=none`. `dropout`
    is the rate of drop.
    """

    beside_activation = ("fc",)

    def __init__(self, linear: Linear, config: BlockConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc = linear(config.width, config.width)
        self.norm = config.norm(config.placement.anywhere)
        self.activation = config.activation()
        self.dropout = dropout_of(dropout)

    @override
    def forward(self, u: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.activation(self.norm(self.fc(u))))
        return out
