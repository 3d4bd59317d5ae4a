"""Feed-forward branch of the transformer."""

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BlockConfig, Linear
from resexp.nn.dropout import dropout_of


class FeedForward(nn.Module):
    """W₂ drop(φ(W₁ u + b₁)) + b₂, stream → stream, widths D → E·D → D. Vaswani 2017 (1706.03762), section 3.3.

    2·E·D² + E·D + D parameters, from the initializer: 2·D·(D + 1) if `expansion` E = 1. `dropout` is the rate of drop.
    The last layer is linear, so the mean of the branch is 0 at initialization, as mean-field theory assumes.
    """

    beside_activation = ("fc2",)
    """Layers whose initial weights compensate for an activation."""

    def __init__(self, linear: Linear, config: BlockConfig, expansion: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = linear(config.width, expansion * config.width)
        self.activation = config.activation()
        self.dropout = dropout_of(dropout)
        self.fc2 = linear(expansion * config.width, config.width)

    @override
    def forward(self, u: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.dropout(self.activation(self.fc1(u))))
        return out
