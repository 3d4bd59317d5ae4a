"""The optimizer of a pack, and learning-rate schedules."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn, optim
from torch.optim import Adam, AdamW, Optimizer
from typing_extensions import override

from resexp.config.errors import InputError, error_text
from resexp.engine.pack import Pack

# Shapes: R replicates, P parameters of one replicate, padding included.


ELEMENTWISE = frozenset(
    (optim.SGD, Adam, AdamW, optim.NAdam, optim.RAdam, optim.Adamax, optim.RMSprop, optim.Adagrad, optim.Adadelta,
     optim.Rprop, optim.ASGD)
)  # fmt: skip
"""Optimizers of torch that treat each value of a parameter alone. Only the exact classes: a subclass may do more."""

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]
"""Takes parameter groups, for example `partial(torch.optim.AdamW, lr=1e-3)`."""


class PackOptimizer:
    """Updates the weights of a pack in place, from its gradients.

    An elementwise optimizer, one of `ELEMENTWISE` or of a class that declares `elementwise = True`, has a parameter
    group per replicate, all its parameters in one vector. Any other optimizer gets the parameters in their own shapes,
    as views of the row, and each replicate has an instance of its own.

    Args:
        pack: its weights and gradients.
        make_optimizer: makes an optimizer of some parameter groups.

    Raises:
        InputError: the optimizer fails, or moves a parameter to other memory instead of updating it in place.

    """

    def __init__(self, pack: Pack, make_optimizer: MakeOptimizer) -> None:
        weights_RP = pack.weights_RP.detach()
        if _is_elementwise(_make(make_optimizer, [nn.Parameter(weights_RP[0].clone())])):
            rows = [_parameter(row, grad) for row, grad in zip(weights_RP, pack.grads_RP, strict=True)]
            self.optimizers = [make_optimizer([{"params": [row]} for row in rows])]
        else:
            _check_updates_in_place(make_optimizer, [*pack.views(weights_RP, 0).values()])
            self.optimizers = []
            for r in range(len(pack)):
                weights, grads = (pack.views(matrix_RP, r).values() for matrix_RP in (weights_RP, pack.grads_RP))
                self.optimizers.append(make_optimizer([{"params": [*map(_parameter, weights, grads)]}]))
        self._rates = [group["lr"] for group in self._groups]

    @property
    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    @property
    def lr(self) -> float:
        """The configured learning rate, without the factor of a schedule."""
        return float(self._rates[0])

    def step(self, factor: float = 1.0) -> None:
        """Make a step at `factor` times the configured learning rate."""
        for group, rate in zip(self._groups, self._rates, strict=True):
            group["lr"] = rate * factor
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state and the parameter groups of each optimizer."""
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Restore what `state_dict` returned; the learning rate stays the configured one."""
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)

    def preconditioner(self, rows: slice = slice(None)) -> Tensor | None:
        """Return the divisors of Adam's last step, √(v/(1 − β₂ᵗ)) + ε, (R, P).

        None before the first step, and for every optimizer but Adam and AdamW.
        """
        (optimizer, *_), divisors = self.optimizers, []
        for group in optimizer.param_groups[rows]:
            state = optimizer.state.get(group["params"][0])
            if not state or type(optimizer) not in (Adam, AdamW):
                return None
            second_moment = state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
            bias_correction = 1 - group["betas"][1] ** float(state["step"])
            divisors.append((second_moment / bias_correction).sqrt() + group["eps"])
        return torch.stack(divisors)


def _is_elementwise(optimizer: Optimizer) -> bool:
    cls = type(optimizer)
    return cls in ELEMENTWISE or cls.__dict__.get("elementwise") is True


def _parameter(weight: Tensor, grad: Tensor) -> nn.Parameter:
    parameter = nn.Parameter(weight)
    parameter.grad = grad
    return parameter


def _make(make_optimizer: MakeOptimizer, parameters: list[nn.Parameter]) -> Optimizer:
    """Make an optimizer, or raise InputError with the reason why it cannot be made."""
    try:
        return make_optimizer([{"params": parameters}])
    except Exception as error:  # a class may raise anything
        raise InputError(f"optimizer: {error_text(error)}") from error


def _check_updates_in_place(make_optimizer: MakeOptimizer, weights: list[Tensor]) -> None:
    """Make a step on copies of `weights`. Raises InputError if it fails, or if a copy then lies elsewhere."""
    copies = [_parameter(weight.clone(), torch.full_like(weight, 1e-3)) for weight in weights]
    memory = [parameter.data_ptr() for parameter in copies]
    optimizer = _make(make_optimizer, copies)
    name = type(optimizer).__name__
    try:
        optimizer.step()
    except Exception as error:  # LBFGS, for example, needs a closure
        raise InputError(f"optimizer: {name} cannot make a step ({error_text(error)})") from error
    if [parameter.data_ptr() for parameter in copies] != memory:
        raise InputError(f"optimizer: {name} assigns p.data instead of updating p in place, as in p.add_(…)")


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
