"""The transformer's feed-forward branch."""

from collections.abc import Callable

from torch import Tensor, nn


class FeedForward(nn.Module):
    """ffn(u) = W₂ φ(W₁ u + b₁) + b₂, width → width → width; u: (B, D). 2·D·(D + 1) parameters.

    Vaswani 2017 (1706.03762), section 3.3, at expansion 1. It ends in a linear layer, so its mean is zero at
    initialisation, which is what mean-field theory assumes of a branch.
    """

    after_activation = ("fc2",)
    """The layers that an activation directly precedes."""

    def __init__(self, width: int, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, width)
        self.activation = activation()
        self.fc2 = nn.Linear(width, width)

    def forward(self, u: Tensor) -> Tensor:
        """The branch's output, (B, D)."""
        out: Tensor = self.fc2(self.activation(self.fc1(u)))
        return out
