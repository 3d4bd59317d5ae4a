"""The article's network."""

import math

from torch import Tensor, nn

from resexp.nn.block import Recipe, Residual, Site
from resexp.nn.task import Task


class SimpleBlock(nn.Module):
    """h = φ(norm(x)); combine(h, W h). (B, D) → (B, D)."""

    def __init__(self, recipe: Recipe, residual: Residual) -> None:
        super().__init__()
        self.norm = recipe.norm(recipe.placement.anywhere)
        self.activation = recipe.activation()
        self.residual = residual
        self.body = nn.Linear(recipe.width, recipe.width)
        residual.adopt(self.body)

    def forward(self, x: Tensor) -> Tensor:
        """The equation."""
        h = self.activation(self.norm(x))
        return self.residual.combine(h, self.body(self.residual.enter(h)))


class SimpleNet(nn.Module):
    """Linear → depth × (norm → φ → h + W h) → Linear; x: (B, *shape) → logits (B, classes).

    At depth 1 and width 256 with norm=pre and residual=on it is the article's network as it stands. Parameters at
    width D: D·(inputs + 1) + depth·D·(D + 1) + classes·(D + 1), and those of norms and residual schemes.
    """

    def __init__(self, recipe: Recipe, task: Task) -> None:
        super().__init__()
        self.stem = nn.Linear(math.prod(task.shape), recipe.width)
        sites = (Site(width=recipe.width, layer=i + 1, branches=recipe.depth) for i in range(recipe.depth))
        self.blocks = nn.Sequential(*(SimpleBlock(recipe, recipe.residual(site)) for site in sites))
        self.head = nn.Linear(recipe.width, task.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (B, classes)."""
        logits: Tensor = self.head(self.blocks(self.stem(x.flatten(1))))
        return logits
