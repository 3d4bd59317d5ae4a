"""Network of the article."""

import math

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BlockConfig, BranchPosition, Residual
from resexp.nn.models import Task


class SimpleBlock(nn.Module):
    """combine(h, W enter(h) + b) with h = φ(norm(x)), (B, D) → (B, D). D·(D + 1) parameters and those of the norm."""

    def __init__(self, config: BlockConfig, residual: Residual) -> None:
        super().__init__()
        self.norm = config.norm(config.placement.anywhere)
        self.activation = config.activation()
        self.residual = residual
        self.body = nn.Linear(config.width, config.width)
        residual.attach(self.body)

    @override
    def forward(self, x: Tensor) -> Tensor:
        h = self.activation(self.norm(x))
        return self.residual.combine(h, self.body(self.residual.enter(h)))


class SimpleNet(nn.Module):
    """head(blocks(stem(x))) on flattened samples, (B, *shape) → logits (B, classes), with blocks h + W h.

    h is φ(norm(x)). At depth 1 and width 256 with norm=pre and residual=on it is the network of the article. Parameters
    at width D: stem D·(inputs + 1), each block D·(D + 1), head classes·(D + 1), and those of norms and residual
    schemes. The model ignores `body` and has one point for a norm, so all placements but `none` are the same.
    """

    def __init__(self, config: BlockConfig, task: Task) -> None:
        super().__init__()
        self.stem = nn.Linear(math.prod(task.shape), config.width)
        positions = (
            BranchPosition(width=config.width, layer=i + 1, branches=config.depth) for i in range(config.depth)
        )
        self.blocks = nn.Sequential(*(SimpleBlock(config, config.residual(position)) for position in positions))
        self.head = nn.Linear(config.width, task.classes)

    @override
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(self.stem(x.flatten(1))))
        return logits
