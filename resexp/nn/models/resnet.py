"""CIFAR ResNet."""

from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import Block, BlockConfig, BranchPosition
from resexp.nn.models import Task, as_images, image_shape


class Shortcut(nn.Module):
    """Subsample by 2 and zero-pad the new channels, (B, C, H, W) → (B, 2C, ⌈H/2⌉, ⌈W/2⌉): "option A" of He 2015."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, x.shape[1]))


class Convolutions(nn.Module):
    """W₂ φ(norm(W₁ u)), two 3×3 convolutions; after a norm `pre`, W₂ φ(norm(W₁ φ(u))), the pre-activation of He 2016.

    (B, C, H, W) → (B, D, H/stride, W/stride).
    """

    beside_activation = ("fc1", "fc2")

    def __init__(self, config: BlockConfig, channels: int, stride: int) -> None:
        super().__init__()
        self.before = config.activation() if config.placement.pre else nn.Identity()
        self.fc1 = nn.Conv2d(channels, config.width, 3, stride, padding=1)
        self.norm = config.norm(config.placement.anywhere)
        self.activation = config.activation()
        self.fc2 = nn.Conv2d(config.width, config.width, 3, padding=1)

    @override
    def forward(self, u: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.activation(self.norm(self.fc1(self.before(u)))))
        return out


class ResNet(nn.Module):
    """Three stages of widths D, 2D, 4D on images of sides H, H/2, H/4, (B, *shape) → logits (B, classes).

    He 2015 (1512.03385), section 4.2, is norm=res-post normalizer=batchnorm width=16: at depth 3n it has 6n + 2 weight
    layers and blocks φ(x + norm(W₂ φ(norm(W₁ x)))). He 2016 (1603.05027) is norm=pre, without the last φ. If 3 does not
    divide the depth, the earlier stages have one block more. The model ignores `body`.
    """

    vmap_on_cpu = False

    def __init__(self, config: BlockConfig, task: Task) -> None:
        super().__init__()
        self.stem = nn.Conv2d(image_shape(task.shape)[0], config.width, 3, padding=1)
        stages: list[nn.Module] = []
        before = config
        for stage in range(3):
            wide = replace(config, width=config.width * 2**stage)
            for _ in range((config.depth + 2 - stage) // 3):
                grows = before.width < wide.width
                body = Convolutions(wide, before.width, 2 if grows else 1)
                position = BranchPosition(width=wide.width, layer=len(stages) + 1, branches=config.depth)
                skip = Shortcut() if grows else None
                stages.append(Block(wide, body, config.residual(position), skip, before))
                before = wide
        after = nn.Identity if config.placement.pre else config.activation
        self.blocks = nn.Sequential(*(module for block in stages for module in (block, after())))
        self.final = before.norm(config.placement.final)
        self.head = nn.Linear(before.width, task.classes)

    @override
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.final(self.blocks(self.stem(as_images(x)))).mean((2, 3)))
        return logits
