"""Multilayer perceptron."""

import math

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BlockConfig, blocks
from resexp.nn.models import Task


class MLP(nn.Module):
    """head(final(blocks(stem(x)))) on flattened samples, (B, *shape) → logits (B, classes).

    Stem and head are linear; `final` is a norm if the placement leaves the stream unnormalized. Parameters at width D:
    stem D·(inputs + 1), head classes·(D + 1), and those of blocks and norms.
    """

    def __init__(self, config: BlockConfig, task: Task) -> None:
        super().__init__()
        self.stem = nn.Linear(math.prod(task.shape), config.width)
        self.blocks = blocks(config, lambda: config.body(nn.Linear, config))
        self.final = config.norm(config.placement.final)
        self.head = nn.Linear(config.width, task.classes)

    @override
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.final(self.blocks(self.stem(x.flatten(1)))))
        return logits
