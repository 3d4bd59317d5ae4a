"""Optimizers, with one parameter group per replicate, and learning-rate schedules."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer
from typing_extensions import override

from resexp.engine.pack import Pack

# Shapes: R replicates, P parameters of one replicate, padding included.


def optimizer_for(pack: Pack, make_optimizer: Callable[[list[dict[str, Any]]], Optimizer]) -> Optimizer:
    """Build an elementwise optimizer whose parameter group r is replicate r, all its parameters in one vector.

    Args:
        pack: its weights are updated in place, from its gradients.
        make_optimizer: takes parameter groups, for example `partial(torch.optim.AdamW, lr=1e-3)`.

    """
    rows = [nn.Parameter(row) for row in pack.weights_RP.detach()]
    for row, grad in zip(rows, pack.grads_RP, strict=True):
        row.grad = grad
    return make_optimizer([{"params": [row]} for row in rows])


def preconditioner(optimizer: Optimizer, rows: slice = slice(None)) -> Tensor | None:
    """Return the divisors of Adam's last step, √(v/(1 − β₂ᵗ)) + ε, (R, P).

    None before the first step, and for every optimizer but Adam and AdamW.
    """
    divisors = []
    for group in optimizer.param_groups[rows]:
        state = optimizer.state.get(group["params"][0])
        if not state or not isinstance(optimizer, Adam | AdamW):
            return None
        second_moment = state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
        bias_correction = 1 - group["betas"][1] ** float(state["step"])
        divisors.append((second_moment / bias_correction).sqrt() + group["eps"])
    return torch.stack(divisors)


class Schedule(Protocol):
    """A learning-rate schedule."""

    def __call__(self, step: int, steps: int) -> float:
        """Return the factor on the learning rate at the 0-based `step` of `steps`."""


@dataclass(frozen=True)
class Constant(Schedule):
    """Linear warm-up over the fraction `warmup` of all steps, then a constant learning rate."""

    warmup: float = 0.0

    @override
    def __call__(self, step: int, steps: int) -> float:
        return _warmup_factor(step, steps, self.warmup)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Linear warm-up, then half a cosine from 1 to `final`. Loshchilov 2017 (1608.03983), equation 5."""

    warmup: float = 0.1
    final: float = 0.0

    @override
    def __call__(self, step: int, steps: int) -> float:
        start = round(self.warmup * steps)
        if step < start:
            return _warmup_factor(step, steps, self.warmup)
        phase = (step - start) / max(1, steps - start)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * phase))


def _warmup_factor(step: int, steps: int, warmup: float) -> float:
    """Rise linearly from 1/n to 1 over the first n = warmup · steps steps. Goyal 2017 (1706.02677), section 2.2."""
    length = round(warmup * steps)
    return min(1.0, (step + 1) / length) if length else 1.0
