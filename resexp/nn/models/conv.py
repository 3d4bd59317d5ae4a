"""A stack of convolutions at constant width."""

from functools import partial

from torch import Tensor, nn

from resexp.nn.block import BlockConfig, blocks
from resexp.nn.models.pictures import as_images, picture
from resexp.nn.task import Task


class Conv(nn.Module):
    """head(mean over places(final(blocks(stem(x))))), all but the head k×k convolutions; x: (B, *shape) → (B, classes).

    A block's linear maps are convolutions of stride 1 that keep height and width. Parameters at width D: stem
    D·(C·k² + 1), each linear map D·(D·k² + 1), head classes·(D + 1), and those of norms and residual schemes. With
    residual=off it is the vanilla CNN of Xiao 2018 (1806.05393).
    """

    vmap_on_cpu = False
    """Under vmap on a CPU, convolutions lose more in grouping than they win in dispatch."""

    def __init__(self, config: BlockConfig, task: Task, size: int = 3) -> None:
        super().__init__()
        convolution = partial(nn.Conv2d, kernel_size=size, padding="same")
        self.stem = convolution(picture(task.shape)[0], config.width)
        self.blocks = blocks(config, lambda: config.body(convolution, config))
        self.final = config.norm(config.placement.final)
        self.head = nn.Linear(config.width, task.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (B, classes)."""
        logits: Tensor = self.head(self.final(self.blocks(self.stem(as_images(x)))).mean((2, 3)))
        return logits
