"""Networks: a stem, `depth` blocks, a head."""

import math

from torch import Tensor, nn

from resexp.nn.block import Block, Recipe
from resexp.nn.bodies.ffn import FeedForward


class MLP(nn.Module):
    """head(final(blocks(stem(x)))) on flattened samples; x: (B, *shape) → logits (B, classes).

    Stem and head are linear; `final` normalises where the placement leaves the stream unnormalised. Parameters without
    normalizers: D·(inputs + 1) + depth·2·D·(D + 1) + classes·(D + 1) at width D.
    """

    def __init__(self, recipe: Recipe, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.stem = nn.Linear(math.prod(shape), recipe.width)
        bodies = (FeedForward(recipe.width, recipe.activation) for _ in range(recipe.depth))
        self.blocks = nn.Sequential(*(Block(recipe, body) for body in bodies))
        self.final = recipe.norm(recipe.placement.final)
        self.head = nn.Linear(recipe.width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (B, classes)."""
        logits: Tensor = self.head(self.final(self.blocks(self.stem(x.flatten(1)))))
        return logits
