"""One linear layer, a norm, an activation."""

from torch import Tensor, nn

from resexp.nn.block import Linear, Recipe
from resexp.nn.dropout import dropout_of


class LinearNormAct(nn.Module):
    """φ(norm(W u + b)): the "conv-BN-ReLU" of He 2015 (1512.03385). D·(D + 1) parameters and a norm's.

    The norm is there wherever `norm` is not none. `dropout` follows φ.
    """

    beside_activation = ("fc",)

    def __init__(self, linear: Linear, recipe: Recipe, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc = linear(recipe.width, recipe.width)
        self.norm = recipe.norm(recipe.placement.anywhere)
        self.activation = recipe.activation()
        self.dropout = dropout_of(dropout)

    def forward(self, u: Tensor) -> Tensor:
        """The branch's output, in the shape of u."""
        out: Tensor = self.dropout(self.activation(self.norm(self.fc(u))))
        return out
