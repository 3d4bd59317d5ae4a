"""A computation on fixed tensors that is recorded once and then repeated, as CUDA graphs do on a GPU.

What is recorded lies below vmap and autograd: whole-tensor operations, forward and backward. Repeating them calls their
kernels and nothing else; every intermediate result has a fixed place, so that views are taken once.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
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
        super().__init__()
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
    try:
        with _Recorder() as recorder:
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
    plain = (bool, int, float, str, tuple, list, dict, set, type(None))
    attributes = [
        {name: repr(v) for name, v in vars(m).items() if name[0] != "_" and isinstance(v, plain)}
        for m in network.modules()
    ]
    return [attributes, random.getstate(), repr(np.random.get_state())]


def record(run: Callable[[], None], network: nn.Module, state: Mapping[str, Tensor]) -> list[Op]:
    """The operations of `run`, whose only effect is on tensors; `state` is as before afterwards.

    Raises UnrepeatableError where it reads a value, where a second run does something else, or where it changes what the
    network's code may look at.
    """
    outside = _outside(network)
    wiring = _wiring(_attempt(run, state))
    ops = _attempt(run, state)
    if _wiring(ops) != wiring or _outside(network) != outside:
        raise UnrepeatableError
    return ops


@cache
def _into(func: OpOverload) -> tuple[OpOverload, list[str]] | None:
    """The form of an operation that has a kernel which writes where it is told to, and the names of where."""
    wanted = [(a.name, str(a.type)) for a in func._schema.arguments]
    for name in func.overloadpacket.overloads():
        form = getattr(func.overloadpacket, name)
        given = [(a.name, str(a.type)) for a in form._schema.arguments if not a.is_out]
        if form._schema.is_mutable and given == wanted and torch.Tag.generated not in form.tags:
            return form, [a.name for a in form._schema.arguments if a.is_out]
    return None


def _copied(func: OpOverload, places: list[Tensor]) -> Callable[..., None]:
    def call(*args: Any, **kwargs: Any) -> None:
        for place, result in zip(places, tensors(func(*args, **kwargs)), strict=True):
            place.copy_(result)

    return call


class Tape:
    """Repeats operations, on the tensors that they were recorded on and the values that these have by then.

    Raises UnrepeatableError where a tensor's memory is not what it is known to be.
    """

    def __init__(self, ops: list[Op]) -> None:
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []
        self._now: dict[int, Tensor] = {}  # by the id of a recorded tensor: what stands for it
        self._place: dict[int, Tensor] = {}  # by recorded memory: a vector
        self._free: dict[tuple[int, torch.dtype], list[Tensor]] = defaultdict(list)
        self._inner = {memory(t) for op in ops if not (op.views or op.mutates) for t in op.out}
        last = {memory(t): number for number, op in enumerate(ops) for t in (*op.inputs(), *op.out)}
        ends = defaultdict(set)
        for where, number in last.items():
            ends[number].add(where)
        with torch.no_grad():
            for number, op in enumerate(ops):
                self._add(op, ends[number])

    def __call__(self) -> None:
        """Once more."""
        with torch.no_grad():
            for call, args, kwargs in self._calls:
                call(*args, **kwargs)

    def _standing_for(self, tensor: Tensor) -> Tensor:
        if id(tensor) not in self._now:
            if memory(tensor) in self._inner:
                raise UnrepeatableError
            self._now[id(tensor)] = tensor.detach()
        return self._now[id(tensor)]

    def _add(self, op: Op, ending: set[int]) -> None:
        """Take a view now; make a call of anything else. `ending`: memory that nothing reads afterwards."""
        args = mapped(op.args, self._standing_for)
        kwargs = {name: mapped(value, self._standing_for) for name, value in op.kwargs.items()}
        if op.views:
            self._now |= {id(t): view for t, view in zip(op.out, tensors(op.func(*args, **kwargs)), strict=True)}
        elif op.mutates:
            self._calls.append((op.func, args, kwargs))
        else:
            places = [self._placed(t, op, ending) for t in op.out]
            form, names = _into(op.func) or (None, [])
            if form is not None and len(names) == len(places):
                self._calls.append((form, args, {**kwargs, **dict(zip(names, places, strict=True))}))
            else:
                self._calls.append((_copied(op.func, places), args, kwargs))
        for where in ending & self._place.keys():
            place = self._place.pop(where)
            self._free[place.numel(), place.dtype].append(place)

    def _placed(self, tensor: Tensor, op: Op, ending: set[int]) -> Tensor:
        """Where a result goes: over an argument that ends here, if it may, else to where one has ended."""
        if memory(tensor) in self._place or tensor.untyped_storage().nbytes() != tensor.numel() * tensor.itemsize:
            raise UnrepeatableError
        place = self._over_an_argument(tensor, op, ending)
        if place is None:
            free = self._free[tensor.numel(), tensor.dtype]
            place = free.pop() if free else torch.empty(tensor.numel(), dtype=tensor.dtype, device=tensor.device)
        self._place[memory(tensor)] = place
        self._now[id(tensor)] = place.as_strided(tensor.shape, tensor.stride())
        return self._now[id(tensor)]

    def _over_an_argument(self, tensor: Tensor, op: Op, ending: set[int]) -> Tensor | None:
        """An elementwise operation may write where it reads, if every element comes from its own place."""

        def layout(t: Tensor) -> tuple[Any, ...]:
            return t.shape, t.stride(), t.dtype

        if torch.Tag.pointwise not in op.func.tags:
            return None
        inputs = op.inputs()
        for where in ending & self._place.keys():
            here = [t for t in inputs if memory(t) == where]
            if here and all(layout(t) == layout(tensor) and t.storage_offset() == 0 for t in here):
                return self._place.pop(where)
        return None
