"""The only training loop. It yields events and does not depend on who consumes them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from resexp.data.dataset import Batches, Data
from resexp.diagnostics.suite import Suite
from resexp.engine.capture import ForwardBackward
from resexp.engine.evaluation import evaluate, subset
from resexp.engine.events import Array, End, Event, State, Steps, Validation
from resexp.engine.layer_diagnostics import LayerDiagnostics
from resexp.engine.optimizers import PackOptimizer, Schedule
from resexp.engine.pack import Pack
from resexp.engine.step import clip_gradients

# Shapes: R replicates, B batch.

NO_DIAGNOSTICS = Suite((), ())


@dataclass(frozen=True)
class Plan:
    """The length of a training run, in steps, and how often it reports.

    Attributes:
        steps: number of optimizer steps.
        batch_size: samples per replicate and step.
        clip: largest gradient norm; None: no clipping.
        log_every: steps in a `Steps` event.
        eval_every: steps between `Validation` events.

    """

    steps: int
    batch_size: int
    clip: float | None
    log_every: int
    eval_every: int


@dataclass(frozen=True)
class Training:
    """Everything that `fit` needs to train a pack."""

    pack: Pack
    data: Data
    optimizer: PackOptimizer
    schedule: Schedule
    plan: Plan
    seeds: tuple[int, ...]
    suite: Suite = NO_DIAGNOSTICS

    def state(self, step: int, finite_R: torch.Tensor) -> State:
        """Return what `restore` needs to continue after `step`."""
        optimizer = self.optimizer.state_dict()
        weights = self.pack.weights_RP.detach()
        tensors = {"weights": weights, "buffers": self.pack.buffers, "finite": finite_R, "optimizer": optimizer}
        return State(step, tensors)

    def restore(self, checkpoint: State | None) -> tuple[int, torch.Tensor]:
        """Load a checkpoint, if there is one; return the number of steps made and which replicates are finite, (R,)."""
        pack = self.pack
        if checkpoint is None:
            return 0, torch.ones(len(pack), dtype=torch.bool, device=pack.device)
        tensors = checkpoint.tensors
        with torch.no_grad():
            pack.weights_RP.copy_(tensors["weights"])
            for name, buffer in pack.buffers.items():
                buffer.copy_(tensors["buffers"][name])
        self.optimizer.load_state_dict(tensors["optimizer"])
        return checkpoint.step, tensors["finite"].to(pack.device)


def fit(
    training: Training, checkpoint: State | None = None, should_checkpoint: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Yield training events until `plan.steps`, or until no replicate is finite. The last one is an `End`.

    Args:
        training: what to train; its pack and optimizer change in place.
        checkpoint: resume from this state.
        should_checkpoint: called after each step; if true, a `State` event follows that step.

    """
    pack, data, optimizer, plan = training.pack, training.data, training.optimizer, training.plan
    forward_backward = ForwardBackward(pack)
    layer_diagnostics = LayerDiagnostics(training.suite, pack, data, optimizer)
    batches = Batches(len(data.train), plan.batch_size, training.seeds, pack.device)
    validation = subset(data.validation)
    log = pack.weights_RP.new_empty(3, plan.log_every, len(pack))
    factors: list[float] = []
    step, finite_R = training.restore(checkpoint)
    while step < plan.steps:
        if step % plan.eval_every == 0:
            yield Validation(step, *map(_to_numpy, evaluate(pack, data, validation)))
        before = layer_diagnostics.snapshot(step)
        factors.append(training.schedule(step, plan.steps))
        index_RB = batches(step)
        x_RB = data.augment(data.train.x[index_RB], training.seeds, step)
        loss_R, accuracy_R = forward_backward(data.standardize(x_RB), data.train.y[index_RB])
        norm_R = clip_gradients(pack, plan.clip)
        optimizer.step(factors[-1])
        log[:, len(factors) - 1] = torch.stack((loss_R, accuracy_R, norm_R))
        if before:
            yield layer_diagnostics.measure(step, before)
        finite_R &= loss_R.isfinite() & norm_R.isfinite()
        step += 1
        checkpoint_due = should_checkpoint()
        if len(factors) == plan.log_every or step == plan.steps or checkpoint_due:
            loss_SR, accuracy_SR, norm_SR = _to_numpy(log[:, : len(factors)])
            yield Steps(step - len(factors), loss_SR, accuracy_SR, norm_SR, optimizer.lr * np.array(factors))
            factors.clear()
            if not finite_R.any():
                break
        if checkpoint_due:
            yield training.state(step, finite_R)
    if training.suite:
        yield layer_diagnostics.measure(step)
    train = evaluate(pack, data, subset(data.train), train_batch_size=plan.batch_size)
    yield End(step, *map(_to_numpy, (*train, *evaluate(pack, data, data.validation))))


def _to_numpy(values: torch.Tensor) -> Array:
    """Copy a tensor to the host, the only place where the loop waits for the device."""
    return values.detach().cpu().numpy().copy()
