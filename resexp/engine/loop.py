"""The only training loop. It yields events and knows nobody who listens."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer

from resexp.data.dataset import Batches, Data, Split
from resexp.diagnostics.suite import Suite
from resexp.engine.events import Array, End, Event, State, Steps, Validation
from resexp.engine.layer_diagnostics import LayerDiagnostics
from resexp.engine.optimizers import Schedule
from resexp.engine.pack import Pack
from resexp.seeding import key

SUBSET, TARGETS = 2048, 16384
"""Samples, and targets, of a look: ℓ_T at the end, and validation on the way; the validation at the end takes all."""

NOTHING = Suite((), ())


@dataclass(frozen=True)
class Plan:
    """How long to train and how often to look."""

    steps: int
    batch_size: int
    clip: float | None
    log_every: int
    eval_every: int


@dataclass(frozen=True)
class Training:
    """All that a training needs."""

    pack: Pack
    data: Data
    optimizer: Optimizer
    schedule: Schedule
    plan: Plan
    seeds: tuple[int, ...]
    suite: Suite = NOTHING

    def state(self, step: int, finite_R: torch.Tensor) -> State:
        """What `restore` needs to go on behind `step`."""
        optimizer = self.optimizer.state_dict()["state"]
        weights = self.pack.weights_RP.detach()
        tensors = {"weights": weights, "buffers": self.pack.buffers, "finite": finite_R, "optimizer": optimizer}
        return State(step, tensors)

    def restore(self, tensors: Mapping[str, Any]) -> torch.Tensor:
        """Take over the tensors of a state; which replicates are finite, (R,)."""
        with torch.no_grad():
            self.pack.weights_RP.copy_(tensors["weights"])
            for name, buffer in self.pack.buffers.items():
                buffer.copy_(tensors["buffers"][name])
        groups = self.optimizer.state_dict()["param_groups"]  # as built: a stored lr would be one of the schedule
        self.optimizer.load_state_dict({"state": tensors["optimizer"], "param_groups": groups})
        finite: torch.Tensor = tensors["finite"].to(self.pack.device)
        return finite


def subset(split: Split) -> Split:
    """All of a split, or as many of its samples as a look takes, always the same ones."""
    most = min(SUBSET, max(1, TARGETS // split.y[0].numel()))
    if len(split) <= most:
        return split
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(key("subset")))
    return split.take(order[:most].to(split.y.device))


def fit(training: Training, start: State | None = None, due: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Train from `start`; yields its state after every step at which `due`.

    It stops early only when every replicate has become non-finite.
    """
    pack, data, optimizer, plan = training.pack, training.data, training.optimizer, training.plan
    batches = Batches(len(data.train), plan.batch_size, training.seeds, pack.device)
    look = subset(data.validation)
    rates = [group["lr"] for group in optimizer.param_groups]
    layer_diagnostics = LayerDiagnostics(training.suite, pack, data, optimizer)
    log = pack.weights_RP.new_empty(3, plan.log_every, len(pack))
    factors: list[float] = []
    finite, step = torch.ones(len(pack), dtype=torch.bool, device=pack.device), 0
    if start is not None:
        finite, step = training.restore(start.tensors), start.step
    while step < plan.steps:
        if step % plan.eval_every == 0:
            yield Validation(step, *map(_read, pack.evaluate(data, look)))
        before = layer_diagnostics.before(step)
        factors.append(training.schedule(step, plan.steps))
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factors[-1]
        index = batches(step)
        x_RB = data.augment(data.train.x[index], training.seeds, step)
        loss_R, accuracy_R = pack.backward(data.standardize(x_RB), data.train.y[index])
        norm_R = pack.clip(plan.clip)
        optimizer.step()
        log[:, len(factors) - 1] = torch.stack((loss_R, accuracy_R, norm_R))
        if before:
            yield layer_diagnostics.look(step, before)
        finite &= loss_R.isfinite() & norm_R.isfinite()
        step += 1
        saving = due()
        if len(factors) == plan.log_every or step == plan.steps or saving:
            loss, accuracy, norm = _read(log[:, : len(factors)])
            yield Steps(step - len(factors), loss, accuracy, norm, rates[0] * np.array(factors))
            factors.clear()
            if not finite.any():
                break
        if saving:
            yield training.state(step, finite)
    if training.suite:
        yield layer_diagnostics.look(step)
    train = pack.evaluate(data, subset(data.train), as_trained=plan.batch_size)
    yield End(step, *map(_read, (*train, *pack.evaluate(data, data.validation))))


def _read(values: torch.Tensor) -> Array:
    """On the host; the one place where it waits for the device."""
    return values.detach().cpu().numpy().copy()
