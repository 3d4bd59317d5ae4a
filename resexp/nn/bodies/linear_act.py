"""One linear layer, then an activation."""

from torch import Tensor, nn

from resexp.nn.block import BlockConfig, Linear
from resexp.nn.dropout import dropout_of


class LinearAct(nn.Module):
    """φ(W u + b), as many write it by hand. D·(D + 1) parameters; `dropout` follows φ.

    Its mean is not zero and adds up along a residual stream: x + ReLU(W x) grows 2.90-fold per layer.
    """

    beside_activation = ("fc",)

    def __init__(self, linear: Linear, config: BlockConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc = linear(config.width, config.width)
        self.activation = config.activation()
        self.dropout = dropout_of(dropout)

    def forward(self, u: Tensor) -> Tensor:
        """The branch's output, in the shape of u."""
        out: Tensor = self.dropout(self.activation(self.fc(u)))
        return out
