"""Dropout with masks that depend on the seed, the step and the layer only."""

import torch
from torch import Tensor, nn
from typing_extensions import override

BITS = 0xFFFFFFFF


class Dropout(nn.Module):
    """m ⊙ x/(1 − p) in training, m = 0 with probability p, else 1; x in evaluation. Srivastava 2014.

    The mask is a hash of (key, step, index of the value). There is no generator whose state other layers advance, so
    the masks of a replicate are the same in any pack and after resuming. Both buffers are scalars: `key` is drawn at
    construction, `step` counts the calls in training.
    """

    key: Tensor
    step: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("key", torch.randint(BITS + 1, ()))
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    @override
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        index = torch.arange(x.numel(), device=x.device).view(x.shape)
        draws = _hash(index * 0x9E3779B1 + _hash(self.step + _hash(self.key)))
        self.step += 1
        return x * (draws >= int(self.p * (BITS + 1))) / (1 - self.p)


def dropout_of(p: float) -> nn.Module:
    """Return dropout of rate `p`, or the identity if `p` is 0."""
    return Dropout(p) if p else nn.Identity()


def _hash(x: Tensor) -> Tensor:
    """Map 32-bit integers, stored as int64, one-to-one: two rounds of xorshift and multiplication."""
    x = x & BITS
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        x = ((x ^ (x >> shift)) * factor) & BITS
    return x ^ (x >> 15)
