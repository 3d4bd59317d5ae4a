"""Dropout whose masks depend on nothing but the seed, the step and the layer."""

import torch
from torch import Tensor, nn

BITS = 0xFFFFFFFF


class Dropout(nn.Module):
    """Sets a share `p` of values to 0 and scales the others by 1/(1 − p). Srivastava 2014.

    The mask hashes (key, step, index of the value): no generator whose state others advance, so that a replicate's
    masks are the same in any pack and after any resumption. `key` is drawn where the module is made, `step` counts its
    calls in training.
    """

    key: Tensor
    step: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("key", torch.randint(BITS + 1, ()))
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """x with some values set to 0, in the shape of x; in evaluation x itself."""
        if not self.training:
            return x
        index = torch.arange(x.numel(), device=x.device).view(x.shape)
        draws = _mixed(index * 0x9E3779B1 + _mixed(self.step + _mixed(self.key)))
        self.step += 1
        return x * (draws >= int(self.p * (BITS + 1))) / (1 - self.p)


def dropout_of(p: float) -> nn.Module:
    """Dropout, or the identity where p is 0."""
    return Dropout(p) if p else nn.Identity()


def _mixed(x: Tensor) -> Tensor:
    """A bijection of 32-bit integers, held in 64: two rounds of xorshift and multiply."""
    x = x & BITS
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        x = ((x ^ (x >> shift)) * factor) & BITS
    return x ^ (x >> 15)
