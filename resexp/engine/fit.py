"""The only training loop. It yields events and knows nobody who listens."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.optim import Optimizer

from resexp.data.dataset import Batches, Data, Split
from resexp.engine.optim import Schedule
from resexp.engine.pack import Pack
from resexp.seeding import key

# Shapes: S steps, R replicates. A value at step t is of the weights after t updates.

SUBSET = 2048
"""Samples on which the loss ℓ_T at the end is taken, and validation on the way; the validation at the end takes all."""

Array = np.ndarray[tuple[int, ...], np.dtype[np.floating]]


@dataclass(frozen=True)
class Plan:
    """How long to train and how often to look."""

    steps: int
    batch_size: int
    clip: float | None
    log_every: int
    eval_every: int


@dataclass(frozen=True)
class Steps:
    """The minibatches since the last reading: steps [first, first + S)."""

    first: int
    loss_SR: Array
    accuracy_SR: Array
    grad_norm_SR: Array
    lr_S: Array


@dataclass(frozen=True)
class Validation:
    """Loss and accuracy on (up to SUBSET samples of) the validation split."""

    step: int
    loss_R: Array
    accuracy_R: Array


@dataclass(frozen=True)
class End:
    """The trained replicates: ℓ_T and accuracy on the fixed train subset, and on the whole validation split."""

    step: int
    loss_train_R: Array
    accuracy_train_R: Array
    loss_val_R: Array
    accuracy_val_R: Array


Event = Steps | Validation | End


def subset(split: Split, most: int = SUBSET) -> Split:
    """All of a split, or `most` of its samples, always the same ones."""
    if len(split) <= most:
        return split
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(key("subset")))
    return split.take(order[:most].to(split.y.device))


def fit(
    pack: Pack, data: Data, optimizer: Optimizer, schedule: Schedule, plan: Plan, seeds: tuple[int, ...]
) -> Iterator[Event]:
    """Train `pack`; it stops early only when every replicate has become non-finite."""
    batches = Batches(len(data.train), plan.batch_size, seeds, pack.device)
    look = subset(data.validation)
    rates = [group["lr"] for group in optimizer.param_groups]
    log = pack.weights_RP.new_empty(3, plan.log_every, len(pack))
    factors: list[float] = []
    finite = torch.ones(len(pack), dtype=torch.bool, device=pack.device)
    step = 0
    while step < plan.steps:
        if step % plan.eval_every == 0:
            yield Validation(step, *map(_read, pack.evaluate(data, look)))
        factors.append(schedule(step, plan.steps))
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factors[-1]
        index = batches(step)
        loss_R, accuracy_R = pack.backward(data.standardise(data.train.x[index]), data.train.y[index])
        norm_R = pack.clip(plan.clip)
        optimizer.step()
        log[:, len(factors) - 1] = torch.stack((loss_R, accuracy_R, norm_R))
        finite &= loss_R.isfinite() & norm_R.isfinite()
        step += 1
        if len(factors) == plan.log_every or step == plan.steps:
            loss, accuracy, norm = _read(log[:, : len(factors)])
            yield Steps(step - len(factors), loss, accuracy, norm, rates[0] * np.array(factors))
            factors.clear()
            if not finite.any():
                break
    yield End(step, *map(_read, (*pack.evaluate(data, subset(data.train)), *pack.evaluate(data, data.validation))))


def _read(values: torch.Tensor) -> Array:
    """On the host; the one place where it waits for the device."""
    return values.detach().cpu().numpy().copy()
