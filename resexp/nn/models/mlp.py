"""The feed-forward network."""

import math

from torch import Tensor, nn

from resexp.nn.block import Recipe, blocks
from resexp.nn.task import Task


class MLP(nn.Module):
    """head(final(blocks(stem(x)))) on flattened samples; x: (B, *shape) → logits (B, classes).

    Stem and head are linear; `final` normalises where the placement leaves the stream unnormalised. Parameters at width
    D: D·(inputs + 1) + classes·(D + 1), and those of the blocks and norms.
    """

    def __init__(self, recipe: Recipe, task: Task) -> None:
        super().__init__()
        self.stem = nn.Linear(math.prod(task.shape), recipe.width)
        self.blocks = blocks(recipe, lambda: recipe.body(nn.Linear, recipe))
        self.final = recipe.norm(recipe.placement.final)
        self.head = nn.Linear(recipe.width, task.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (B, classes)."""
        logits: Tensor = self.head(self.final(self.blocks(self.stem(x.flatten(1)))))
        return logits
