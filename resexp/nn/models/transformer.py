"""The decoder-only transformer."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resexp.config.errors import InputError
from resexp.nn.block import BlockConfig, blocks
from resexp.nn.bodies.attention import Attention
from resexp.nn.models.pictures import as_images, picture
from resexp.nn.task import Task


class Transformer(nn.Module):
    """`depth` layers of two blocks, attention and body, between token and position embeddings and a head.

    On symbols x (B, T): causal, the head tied to the token embedding, logits (B, T, classes); GPT-2 is norm=pre,
    GPT-1 norm=post. On numbers x (B, *shape): tokens are patches (`patch` × `patch` of a picture, `patch` values of a
    row, one frame of a (T, M) sequence that `patch` does not divide), no mask, the head reads their mean (B, classes):
    Dosovitskiy 2021 (2010.11929). Parameters at width D and body ffn: T·D + depth·6·D·(D + 1), V·D + V for V symbols or
    D·(inputs of a patch + 1) + classes·(D + 1), and those of norms and residual schemes.
    """

    vmap_on_cpu = False

    def __init__(self, config: BlockConfig, task: Task, heads: int = 4, patch: int = 4) -> None:
        super().__init__()
        width, dropout = config.width, getattr(config.body, "keywords", {}).get("dropout", 0.0)
        self.symbols = task.symbols
        self.head = nn.Linear(width, task.classes)
        if task.symbols:
            tokens = task.shape[0]
            self.embed: nn.Module = nn.Embedding(task.classes, width)
            self.embed.weight = self.head.weight
        else:
            self.cut, tokens, inputs = _grid(picture(task.shape), patch)
            self.embed = nn.Linear(inputs, width)
        self.positions = nn.Parameter(torch.randn(tokens, width) / math.sqrt(width))
        self.blocks = blocks(
            config,
            lambda: Attention(width, heads, causal=task.symbols, dropout=dropout),
            lambda: config.body(nn.Linear, config),
        )
        self.final = config.norm(config.placement.final)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (B, T, classes) of symbols, else (B, classes)."""
        if self.symbols:  # shared with the head, whose scale is 1/√D: Vaswani 2017 (1706.03762), section 3.4
            u = self.embed(x) * math.sqrt(self.positions.shape[1])
        else:
            u = self.embed(F.unfold(as_images(x), self.cut, stride=self.cut).transpose(1, 2))
        u = self.final(self.blocks(u + self.positions))
        logits: Tensor = self.head(u if self.symbols else u.mean(1))
        return logits


def _grid(shape: tuple[int, int, int], patch: int) -> tuple[tuple[int, int], int, int]:
    """Height and width of a patch, the number of patches, and of the values in one."""
    channels, height, width = shape
    cut = (min(patch, height), min(patch, width))
    if patch < 1 or height % cut[0] or width % cut[1]:
        raise InputError(f"model.patch={patch}: does not divide samples of {height} × {width}")
    return cut, (height // cut[0]) * (width // cut[1]), channels * math.prod(cut)
