"""The article's network."""

import math

from torch import Tensor, nn

from resexp.nn.block import BlockConfig, BranchPosition, Residual
from resexp.nn.task import Task


class SimpleBlock(nn.Module):
    """h = φ(norm(x)); combine(h, W h). (B, D) → (B, D)."""

    def __init__(self, config: BlockConfig, residual: Residual) -> None:
        super().__init__()
        self.norm = config.norm(config.placement.anywhere)
        self.activation = config.activation()
        self.residual = residual
        self.body = nn.Linear(config.width, config.width)
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

    def __init__(self, config: BlockConfig, task: Task) -> None:
        super().__init__()
        self.stem = nn.Linear(math.prod(task.shape), config.width)
        sites = (BranchPosition(width=config.width, layer=i + 1, branches=config.depth) for i in range(config.depth))
        self.blocks = nn.Sequential(*(SimpleBlock(config, config.residual(position)) for position in sites))
        self.head = nn.Linear(config.width, task.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (B, classes)."""
        logits: Tensor = self.head(self.blocks(self.stem(x.flatten(1))))
        return logits
