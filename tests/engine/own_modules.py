"""Normalizers and bodies as users write them: plain PyTorch that knows nothing of packs."""

import collections
import random

import torch
import torch.nn.functional as F
from torch import nn


class FrozenScale(nn.Module):
    """A parameter that is not trained."""

    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, width), requires_grad=False)

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:]) * self.scale


class Spectrum(nn.Module):
    """A complex weight: a filter in frequency space."""

    def __init__(self, width):
        super().__init__()
        self.filter = nn.Parameter(torch.ones(width // 2 + 1, dtype=torch.complex64))

    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(x) * self.filter, n=x.shape[-1])


class WideBuffers(nn.Module):
    """A float64 table, a complex one, and one that is not saved."""

    def __init__(self, width):
        super().__init__()
        self.register_buffer("table", torch.linspace(0, 1, width, dtype=torch.float64) + 1e-9)
        self.register_buffer("phase", torch.polar(torch.ones(width), torch.linspace(0, 3, width)))
        self.register_buffer("sign", torch.tensor([1.0, -1.0]).repeat(width // 2), persistent=False)

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:]) * (self.table * 1e9 % 7).to(x.dtype) * self.phase.imag * self.sign


class RandomGain(nn.Module):
    """A parameter drawn with Python's generator when the module is built."""

    def __init__(self, width):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor([random.uniform(0.5, 2) for _ in range(width)]))

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:]) * self.gain


class UnusedParameter(nn.Module):
    """A branch with a parameter that it does not use, which so has no gradient."""

    def __init__(self, linear, config):
        super().__init__()
        self.map, self.unused = linear(config.width, config.width), nn.Parameter(torch.ones(config.width))

    def forward(self, u):
        return F.relu(self.map(u))


CALLS = [0]


class WrongDeclaration(nn.Module):
    """Declares that it is repeatable, but depends on a global that counts its calls."""

    repeatable = True

    def __init__(self, width):
        super().__init__()
        CALLS[0] = 0

    def forward(self, x):
        CALLS[0] += self.training
        recorded = 2 * 3  # a step is recorded twice, with three normalizers
        return F.layer_norm(x, x.shape[-1:]) * (1 if CALLS[0] <= recorded else 2)


class CallCounter(nn.Module):
    """Keeps state in a deque, which no recording shows."""

    def __init__(self, width):
        super().__init__()
        self.calls = collections.deque(maxlen=100)

    def forward(self, x):
        if self.training:
            self.calls.append(1)
        return F.layer_norm(x, x.shape[-1:]) if len(self.calls) > 3 else x
