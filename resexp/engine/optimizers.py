"""Optimizers, one parameter group per replicate, and learning-rate schedules."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from resexp.engine.pack import Pack


def optimizer_for(pack: Pack, make: Callable[[list[dict[str, Any]]], Optimizer]) -> Optimizer:
    """An elementwise optimizer over a pack: replicate r is group r, all of its parameters one vector."""
    rows = [nn.Parameter(row) for row in pack.weights_RP.detach()]
    for row, grad in zip(rows, pack.grads_RP, strict=True):
        row.grad = grad
    return make([{"params": [row]} for row in rows])


def preconditioner(optimizer: Optimizer, rows: slice = slice(None)) -> Tensor | None:
    """What Adam divided by in its last step, √(v/(1 − β₂ᵗ)) + ε, (R, P); None before a step, and of all but Adam."""
    divisors = []
    for group in optimizer.param_groups[rows]:
        known = optimizer.state.get(group["params"][0])
        if not known or not isinstance(optimizer, Adam | AdamW):
            return None
        second = known["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
        divisors.append((second / (1 - group["betas"][1] ** float(known["step"]))).sqrt() + group["eps"])
    return torch.stack(divisors)


class Schedule(Protocol):
    """The learning rate over a training, as a factor."""

    def __call__(self, step: int, steps: int) -> float:
        """The factor at 0-based `step` of `steps`."""


def _ramp(step: int, steps: int, warmup: float) -> float:
    """Linear from 1/n to 1 over the first n = warmup · steps steps. Goyal 2017 (1706.02677), section 2.2."""
    length = round(warmup * steps)
    return min(1.0, (step + 1) / length) if length else 1.0


@dataclass(frozen=True)
class Constant:
    """The learning rate as given, after a warm-up over the share `warmup` of all steps."""

    warmup: float = 0.0

    def __call__(self, step: int, steps: int) -> float:
        """As Schedule."""
        return _ramp(step, steps, self.warmup)


@dataclass(frozen=True)
class Cosine:
    """Warm-up, then half a cosine from 1 down to `final`. Loshchilov 2017 (1608.03983), equation 5."""

    warmup: float = 0.1
    final: float = 0.0

    def __call__(self, step: int, steps: int) -> float:
        """As Schedule."""
        start = round(self.warmup * steps)
        if step < start:
            return _ramp(step, steps, self.warmup)
        phase = (step - start) / max(1, steps - start)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * phase))
