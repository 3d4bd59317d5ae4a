"""Random changes of training images."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from resexp.seeding import key


@dataclass(frozen=True)
class Augment:
    """Random crops and mirror images, a pure function of (seed, step). He 2015 (1512.03385), section 4.2.

    Attributes:
        crop: zero pixels of padding on each side, from which a crop of the size of the image is taken.
        flip: mirror half of the images.

    """

    crop: int = 0
    flip: bool = False

    def __call__(self, x_RB: Tensor, seeds: tuple[int, ...], step: int) -> Tensor:
        """Change a batch of raw images, (R, B, H, W) or (R, B, C, H, W), with one seed per replicate."""
        if not (self.crop or self.flip):
            return x_RB
        height, width = x_RB.shape[-2:]
        drawn = (self._draw(seed, step, x_RB.shape[1]) for seed in seeds)
        shift, mirrored = (torch.cat(part).to(x_RB.device) for part in zip(*drawn, strict=True))
        rows = shift[:, :1] + torch.arange(height, device=x_RB.device)
        columns = torch.arange(width, device=x_RB.device).expand(len(shift), -1)
        columns = shift[:, 1:] + torch.where(mirrored, columns.flip(1), columns)
        padded = F.pad(x_RB, (self.crop,) * 4)
        images = padded.reshape(len(shift), -1, *padded.shape[-2:])
        each = torch.arange(len(shift), device=x_RB.device)[:, None, None]
        cut = images[each, :, rows[:, :, None], columns[:, None, :]]
        return cut.movedim(-1, 1).reshape(x_RB.shape)

    def _draw(self, seed: int, step: int, count: int) -> tuple[Tensor, Tensor]:
        """Draw upper left corners (B, 2), and whether to mirror (B, 1)."""
        generator = torch.Generator().manual_seed(key(seed, "augment", step))
        shift = torch.randint(2 * self.crop + 1, (count, 2), generator=generator)
        mirrored = torch.randint(2, (count, 1), generator=generator).bool()
        return shift, mirrored & self.flip
