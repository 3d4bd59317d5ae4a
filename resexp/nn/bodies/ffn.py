"""The transformer's feed-forward branch."""

from torch import Tensor, nn

from resexp.nn.block import BlockConfig, Linear
from resexp.nn.dropout import dropout_of


class FeedForward(nn.Module):
    """ffn(u) = W₂ φ(W₁ u + b₁) + b₂, width → expansion · width → width. Vaswani 2017 (1706.03762), section 3.3.

    It ends in a linear layer, so its mean is zero at initialization, which is what mean-field theory assumes of a
    branch. 2·D·(D + 1) parameters at expansion 1; `dropout` follows φ.
    """

    beside_activation = ("fc2",)
    """The layers whose initial weights make up for an activation."""

    def __init__(self, linear: Linear, config: BlockConfig, expansion: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = linear(config.width, expansion * config.width)
        self.activation = config.activation()
        self.dropout = dropout_of(dropout)
        self.fc2 = linear(expansion * config.width, config.width)

    def forward(self, u: Tensor) -> Tensor:
        """The branch's output, in the shape of u."""
        out: Tensor = self.fc2(self.dropout(self.activation(self.fc1(u))))
        return out
