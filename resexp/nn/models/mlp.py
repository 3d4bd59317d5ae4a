"""The feed-forward network."""

import math

from torch import Tensor, nn

from resexp.nn.block import BlockConfig, blocks
from resexp.nn.task import Task


class MLP(nn.Module):
    """head(final(blocks(stem(x)))) on flattened samples; x: (B, *shape) → logits (B, classes).

    Stem and head are linear; `final` normalizes where the placement leaves the stream unnormalized. Parameters at width
    D: D·(inputs + 1) + classes·(D + 1), and those of the blocks and norms.
    """

    def __init__(self, config: BlockConfig, task: Task) -> None:
        super().__init__()
        self.stem = nn.Linear(math.prod(task.shape), config.width)
        self.blocks = blocks(config, lambda: config.body(nn.Linear, config))
        self.final = config.norm(config.placement.final)
        self.head = nn.Linear(config.width, task.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (B, classes)."""
        logits: Tensor = self.head(self.final(self.blocks(self.stem(x.flatten(1)))))
        return logits
