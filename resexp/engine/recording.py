"""The operations of a computation, noted below vmap and autograd, where they are all that happens to tensors."""

import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._ops import OpOverload  # the type of an operation: it has no public name
from torch.utils._python_dispatch import TorchDispatchMode  # nor has this, from which torch's FLOP counter is made

UNREPEATABLE = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape, torch.Tag.inplace_view}
"""Operations that show Python a value, after which it may go another way, or that change the shape of what is there."""


class UnrepeatableError(Exception):
    """Repeating what was recorded need not do what running it would."""


@dataclass
class Op:
    """An operation: `out` are its tensors; `views`, whether they lie in the memory of its arguments."""

    func: OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: list[Tensor]
    views: bool = False

    @property
    def mutates(self) -> bool:
        """Whether it writes to its arguments."""
        return bool(self.func._schema.is_mutable)

    def inputs(self) -> list[Tensor]:
        """The tensors among its arguments."""
        return tensors((*self.args, *self.kwargs.values()))

    def written(self) -> list[Tensor]:
        """Those to which it writes."""
        named = {**dict(zip((a.name for a in self.func._schema.arguments), self.args, strict=False)), **self.kwargs}
        write = {a.name for a in self.func._schema.arguments if a.alias_info is not None and a.alias_info.is_write}
        return tensors([value for name, value in named.items() if name in write])


def mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """`value`, an argument of an operation, with its tensors changed."""
    if isinstance(value, Tensor):
        return change(value)
    return type(value)(mapped(v, change) for v in value) if isinstance(value, list | tuple) else value


def tensors(value: Any) -> list[Tensor]:
    """The tensors in the arguments or results of an operation."""
    found: list[Tensor] = []
    mapped(value, found.append)
    return found


def memory(tensor: Tensor) -> int:
    """Which memory a tensor lies in."""
    return tensor.untyped_storage().data_ptr()


class _Recorder(TorchDispatchMode):
    """Notes every operation, and keeps its tensors, so that no memory is used twice."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ops: list[Op] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if UNREPEATABLE.intersection(func.tags):
            raise UnrepeatableError(func)
        result = func(*args, **(kwargs or {}))
        op = Op(func, args, kwargs or {}, tensors(result))
        here = {memory(t) for t in op.inputs()}
        op.views = not op.mutates and bool(op.out) and all(memory(t) in here for t in op.out)
        self.ops.append(op)
        return result


def _attempt(run: Callable[[], None], state: Mapping[str, Tensor]) -> list[Op]:
    before = {name: tensor.clone() for name, tensor in state.items()}
    recorder = _Recorder()
    try:
        with torch.random.fork_rng(devices=[]), recorder:
            run()
    finally:
        for name, tensor in state.items():
            tensor.copy_(before[name])
    return recorder.ops


def _wiring(ops: list[Op]) -> list[Any]:
    """What two recordings of the same computation have in common: all but the tensors' values."""
    number: dict[int, int] = {}

    def known(tensor: Tensor) -> tuple[Any, ...]:
        return number.setdefault(id(tensor), len(number)), tensor.shape, tensor.stride(), tensor.dtype

    return [(op.func, repr(mapped((op.args, *op.kwargs.items()), known)), mapped(op.out, known)) for op in ops]


def _outside(network: nn.Module) -> list[Any]:
    """What a module's code may look at besides tensors: its attributes, and random numbers that are not torch's."""
    plain, torchs = (bool, int, float, str, tuple, list, dict, set, type(None)), vars(nn.Module()).keys()
    attributes = [
        {name: repr(v) for name, v in vars(m).items() if name not in torchs and isinstance(v, plain)}
        for m in network.modules()
    ]
    return [attributes, random.getstate(), repr(np.random.get_state())]


def copied(network: nn.Module) -> nn.Module:
    """A copy to record, so that code which counts its calls goes on from where it was. Raises UnrepeatableError."""
    try:
        return copy.deepcopy(network)
    except Exception as error:  # whatever its attributes raise
        raise UnrepeatableError from error


def record(run: Callable[[], None], network: nn.Module, state: Mapping[str, Tensor]) -> list[Op]:
    """The operations of `run`, whose only effect is on tensors; `state` is as before afterwards.

    Raises UnrepeatableError where it reads a value, does something else when it is run again, or changes what the code
    of the network may look at.
    """
    outside, drawn = _outside(network), (random.getstate(), np.random.get_state())
    try:
        wiring = _wiring(_attempt(run, state))
        ops = _attempt(run, state)
        if _wiring(ops) != wiring or _outside(network) != outside:
            raise UnrepeatableError
    finally:
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])
    return ops
