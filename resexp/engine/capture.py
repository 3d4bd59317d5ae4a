"""Captures the forward and backward pass of a pack, if its replay is certain to equal running it."""

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resexp.engine.known_code import declares_repeatable
from resexp.engine.operations import CaptureError, Operation, Recorder, map_tensors
from resexp.engine.pack import Pack
from resexp.engine.replay import Replay
from resexp.engine.rewrites import simplify
from resexp.engine.step import forward_backward

# Shapes: R replicates, B batch.


class ForwardBackward:
    """The forward and backward pass of a pack: captured at the first batch of each shape, then replayed.

    A pass is captured if the pack is vmapped on the CPU and the code of its network is known. This depends neither on
    the step nor on the replicates in the pack, because a captured pass rounds differently.
    """

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self._by_batch_shape: dict[Any, Callable[[Tensor, Tensor], Tensor]] = {}

    def __call__(self, x_RB: Tensor, y_RB: Tensor) -> tuple[Tensor, Tensor]:
        """Write the gradients of each replicate's loss on its own batch; return the losses and accuracies, (R,)."""
        self.pack.set_mode(training=True, dropout=True)
        batch_shape = x_RB.shape, x_RB.dtype
        if batch_shape not in self._by_batch_shape:
            self._by_batch_shape[batch_shape] = self._capture(x_RB, y_RB) or self._run
        loss_R, accuracy_R = self._by_batch_shape[batch_shape](x_RB, y_RB)
        return loss_R, accuracy_R

    def _run(self, x_RB: Tensor, y_RB: Tensor) -> Tensor:
        return forward_backward(self.pack, self.pack.network, x_RB, y_RB)

    def _capture(self, x_RB: Tensor, y_RB: Tensor) -> Callable[[Tensor, Tensor], Tensor] | None:
        """Return a function that replays the pass on batches of this shape, or None if it cannot be captured."""
        pack = self.pack
        if pack.mode != "vmap" or pack.device.type != "cpu" or pack.unknown_code:
            return None
        x_RB, y_RB = x_RB.clone(), y_RB.clone()
        metrics_2R = pack.weights_RP.new_empty(2, len(pack))
        inputs = (pack.weights_RP, pack.grads_RP, *pack.buffers.values(), x_RB, y_RB, metrics_2R)
        try:
            network = _copy(pack.network)

            def run() -> None:
                metrics_2R.copy_(forward_backward(pack, network, x_RB, y_RB))

            replay = Replay(simplify(record(run, network, pack.buffers, inputs)))
        except CaptureError:
            return None

        def replay_on(x: Tensor, y: Tensor) -> Tensor:
            x_RB.copy_(x)
            y_RB.copy_(y)
            replay()
            return metrics_2R.clone()

        if declares_repeatable(pack.network):
            self._check_declaration(replay_on, x_RB.flip(1), y_RB.flip(1))
        return replay_on

    def _check_declaration(self, replay_on: Callable[[Tensor, Tensor], Tensor], x_RB: Tensor, y_RB: Tensor) -> None:
        """Raise RuntimeError if a replay differs from running the pass on the same batch, another than it recorded."""
        before = {name: buffer.clone() for name, buffer in self.pack.buffers.items()}
        results = []
        for run in (replay_on, self._run):
            metrics_2R = run(x_RB, y_RB)
            results.append((metrics_2R, self.pack.grads_RP.clone()))
            for name, buffer in self.pack.buffers.items():
                buffer.copy_(before[name])
        (replayed_2R, replayed_RP), (expected_2R, expected_RP) = results
        difference_R = (replayed_RP - expected_RP).norm(dim=1) - 1e-4 * expected_RP.norm(dim=1)
        if not torch.allclose(replayed_2R, expected_2R, rtol=1e-4, equal_nan=True) or (difference_R > 0).any():
            raise RuntimeError("a class declares repeatable = True, but a replayed step differs from running it")


def record(
    run: Callable[[], None], network: nn.Module, state: Mapping[str, Tensor], inputs: Sequence[Tensor]
) -> list[Operation]:
    """Record the operations of a function whose only effect is on tensors.

    Args:
        run: the function; it is called twice.
        network: the network that `run` calls.
        state: tensors that `run` changes; they are restored afterwards.
        inputs: all tensors that `run` may use, besides those that it makes.

    Raises:
        CaptureError: `run` reads a value, uses another tensor, differs between two calls, or changes what the network's
            code can read.

    """
    python_state, generators = _python_state(network), (random.getstate(), np.random.get_state())
    try:
        graph = _graph(_record_once(run, state, inputs))
        operations = _record_once(run, state, inputs)
        if _graph(operations) != graph or _python_state(network) != python_state:
            raise CaptureError
    finally:
        random.setstate(generators[0])
        np.random.set_state(generators[1])
    return operations


def _record_once(run: Callable[[], None], state: Mapping[str, Tensor], inputs: Sequence[Tensor]) -> list[Operation]:
    before = {name: tensor.clone() for name, tensor in state.items()}
    recorder = Recorder(inputs)
    try:
        with torch.random.fork_rng(devices=[]), recorder:
            run()
    finally:
        for name, tensor in state.items():
            tensor.copy_(before[name])
    return recorder.operations


def _graph(operations: list[Operation]) -> list[Any]:
    """Return what two recordings of the same computation share: everything except the values of tensors."""
    numbers: dict[int, int] = {}

    def describe(tensor: Tensor) -> tuple[Any, ...]:
        return numbers.setdefault(id(tensor), len(numbers)), tensor.shape, tensor.stride(), tensor.dtype

    return [
        (op.func, repr(map_tensors((op.args, *op.kwargs.items()), describe)), map_tensors(op.outputs, describe))
        for op in operations
    ]


def _python_state(network: nn.Module) -> list[Any]:
    """Return what the network's code can read besides tensors: attributes, and the states of Python's generators."""
    types, of_module = (bool, int, float, str, tuple, list, dict, set, type(None)), vars(nn.Module()).keys()
    attributes = [
        {name: repr(v) for name, v in vars(m).items() if name not in of_module and isinstance(v, types)}
        for m in network.modules()
    ]
    return [attributes, random.getstate(), repr(np.random.get_state())]


def _copy(network: nn.Module) -> nn.Module:
    """Copy a network for recording, so that code that counts its calls does not count those of the recording."""
    try:
        return copy.deepcopy(network)
    except Exception as error:  # an attribute may raise anything
        raise CaptureError from error
