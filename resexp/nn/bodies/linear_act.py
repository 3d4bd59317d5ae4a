"""Linear, activation."""

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BlockConfig, Linear
from resexp.nn.dropout import dropout_of


class LinearAct(nn.Module):
    """drop(φ(W u + b)), stream → stream.

    D·(D + 1) parameters, from the initializer. `dropout` is the rate of drop. The mean of the branch is not 0 and
    accumulates along a residual stream: without norms, x + ReLU(W x) grows 2.90-fold per layer.
    """

    beside_activation = ("fc",)

    def __init__(self, linear: Linear, config: BlockConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc = linear(config.width, config.width)
        self.activation = config.activation()
        self.dropout = dropout_of(dropout)

    @override
    def forward(self, u: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.activation(self.fc(u)))
        return out
