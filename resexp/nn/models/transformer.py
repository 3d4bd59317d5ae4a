"""Transformer of attention and body blocks, on tokens or on patches of numbers."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from resexp.config.errors import InputError
from resexp.nn.block import BlockConfig, blocks
from resexp.nn.bodies.attention import Attention
from resexp.nn.models import Task, as_images, image_shape


class Transformer(nn.Module):
    """`depth` layers of two blocks, attention and body, between token and position embeddings and a head.

    On tokens x (B, T): causal, the head tied to the token embedding, logits (B, T, classes). GPT-2 is norm=pre, GPT-1
    norm=post. On numbers x (B, *shape): not causal, each patch a token, the head reads their mean, logits (B, classes):
    Dosovitskiy 2021 (2010.11929).

    Parameters at width D with body=ffn: positions T·D, layers depth·6·D·(D + 1), and for a vocabulary of V tokens
    V·D + V, for patches D·(inputs of a patch + 1) + classes·(D + 1); and those of norms and residual schemes. Position
    embeddings start at N(0, 1/D).

    Args:
        config: the configuration of the blocks.
        task: shape of the samples and number of classes.
        heads: attention heads; divides the width.
        patch: side of a square patch of an image, or length of a patch of a row; at most the size of the sample.

    Raises:
        InputError: `heads` does not divide the width, or `patch` the samples.

    """

    vmap_on_cpu = False

    def __init__(self, config: BlockConfig, task: Task, heads: int = 4, patch: int = 4) -> None:
        super().__init__()
        width, dropout = config.width, getattr(config.body, "keywords", {}).get("dropout", 0.0)
        self.is_tokens = task.is_tokens
        self.head = nn.Linear(width, task.classes)
        if task.is_tokens:
            tokens = task.shape[0]
            self.embed: nn.Module = nn.Embedding(task.classes, width)
            self.embed.weight = self.head.weight
        else:
            self.cut, tokens, inputs = _patches(image_shape(task.shape), patch)
            self.embed = nn.Linear(inputs, width)
        self.positions = nn.Parameter(torch.randn(tokens, width) / math.sqrt(width))
        self.blocks = blocks(
            config,
            lambda: Attention(width, heads, causal=task.is_tokens, dropout=dropout),
            lambda: config.body(nn.Linear, config),
        )
        self.final = config.norm(config.placement.final)

    @override
    def forward(self, x: Tensor) -> Tensor:
        if self.is_tokens:  # √D because the weight, shared with the head, has scale 1/√D: Vaswani 2017, section 3.4
            u = self.embed(x) * math.sqrt(self.positions.shape[1])
        else:
            u = self.embed(F.unfold(as_images(x), self.cut, stride=self.cut).transpose(1, 2))
        u = self.final(self.blocks(u + self.positions))
        logits: Tensor = self.head(u if self.is_tokens else u.mean(1))
        return logits


def _patches(shape: tuple[int, int, int], patch: int) -> tuple[tuple[int, int], int, int]:
    """Return height and width of a patch, the number of patches of a sample, and the number of values in a patch."""
    channels, height, width = shape
    cut = (min(patch, height), min(patch, width))
    if patch < 1 or height % cut[0] or width % cut[1]:
        raise InputError(f"model.patch={patch}: does not divide samples of {height} × {width}")
    return cut, (height // cut[0]) * (width // cut[1]), channels * math.prod(cut)
