"""Convolutional network of constant width."""

from functools import partial

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import BlockConfig, blocks
from resexp.nn.models import Task, as_images, image_shape


class Conv(nn.Module):
    """head(mean over pixels of final(blocks(stem(x)))), (B, *shape) → logits (B, classes).

    All linear maps but the head are k×k convolutions of stride 1 with padding "same". With residual=off it is the
    vanilla CNN of Xiao 2018 (1806.05393). Parameters at width D: stem D·(C·k² + 1), each linear map of a body
    D·(D·k² + 1), head classes·(D + 1), and those of norms and residual schemes. `size` is k.
    """

    vmap_on_cpu = False
    """Under vmap on a CPU, grouped convolutions cost more than the saved dispatch."""

    def __init__(self, config: BlockConfig, task: Task, size: int = 3) -> None:
        super().__init__()
        convolution = partial(nn.Conv2d, kernel_size=size, padding="same")
        self.stem = convolution(image_shape(task.shape)[0], config.width)
        self.blocks = blocks(config, lambda: config.body(convolution, config))
        self.final = config.norm(config.placement.final)
        self.head = nn.Linear(config.width, task.classes)

    @override
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.final(self.blocks(self.stem(as_images(x)))).mean((2, 3)))
        return logits
