"""A computation on fixed tensors that was recorded once and is repeated, as CUDA graphs are on a GPU.

Repeating it calls the kernels of its operations and nothing else: no vmap, no autograd, no module. Every intermediate
result has a fixed place, so that views are taken once and the same few places stay in the cache.
"""

from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload  # as in recording

from resexp.engine.products import multiplication
from resexp.engine.recording import Op, UnrepeatableError, mapped, memory, tensors

aten = torch.ops.aten

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


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


def _computed(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], places: list[Tensor]) -> Call:
    """What puts the results of an operation in their places."""
    form, names = _into(func) or (None, [])
    if form is not None and len(names) == len(places):
        return form, args, {**kwargs, **dict(zip(names, places, strict=True))}
    return _copied(func, places), args, kwargs


def _multiplied(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], places: list[Tensor]) -> list[Call]:
    """The same by the faster library, where it is a product of matrices, perhaps with a sum, and there is one."""
    if func not in (aten.bmm.default, aten.baddbmm.default) or kwargs:
        return []
    *addend, a, b = args
    multiply = multiplication(a, b, places[0], add=bool(addend))
    start: list[Call] = [(places[0].copy_, tuple(addend), {})] if addend else []
    return [*start, (multiply, (), {})] if multiply else []


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
        self._calls: list[Call] = []
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
            self._calls += _multiplied(op.func, args, kwargs, places) or [_computed(op.func, args, kwargs, places)]
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
