"""Replays recorded operations on fixed tensors, as a CUDA graph does on a GPU.

A replay calls the kernels and nothing else: no vmap, no autograd, no modules. Each intermediate result has a fixed
buffer, so views are taken only once, and a few reused buffers stay in the processor's cache.
"""

from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload  # see operations.py

from resexp.engine.operations import CaptureError, Operation, map_tensors, storage_address, tensors_in
from resexp.engine.products import batched_product

aten = torch.ops.aten

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""A function with its arguments and keyword arguments."""


class Replay:
    """Repeats recorded operations on the tensors they were recorded with, whatever values these hold by then.

    Raises CaptureError if the memory of a tensor is not what the recording implies.
    """

    def __init__(self, operations: list[Operation]) -> None:
        self._calls: list[Call] = []
        self._substitutes: dict[int, Tensor] = {}  # by id of a recorded tensor
        self._buffers: dict[int, Tensor] = {}  # by recorded storage: a vector
        self._free: dict[tuple[int, torch.dtype], list[Tensor]] = defaultdict(list)
        self._intermediate = {
            storage_address(t) for op in operations if not (op.is_view or op.is_mutation) for t in op.outputs
        }
        last_use = {
            storage_address(t): number for number, op in enumerate(operations) for t in (*op.inputs(), *op.outputs)
        }
        expiring = defaultdict(set)
        for storage, number in last_use.items():
            expiring[number].add(storage)
        with torch.no_grad():
            for number, op in enumerate(operations):
                self._add(op, expiring[number])

    def __call__(self) -> None:
        """Run the recorded operations."""
        with torch.no_grad():
            for function, args, kwargs in self._calls:
                function(*args, **kwargs)

    def _substitute(self, tensor: Tensor) -> Tensor:
        """Return the tensor that the replay uses in place of a recorded one."""
        if id(tensor) not in self._substitutes:
            if storage_address(tensor) in self._intermediate:
                raise CaptureError
            self._substitutes[id(tensor)] = tensor.detach()
        return self._substitutes[id(tensor)]

    def _add(self, op: Operation, expiring: set[int]) -> None:
        """Take a view now; append a call for any other operation. Storages in `expiring` are not used after it."""
        args = map_tensors(op.args, self._substitute)
        kwargs = {name: map_tensors(value, self._substitute) for name, value in op.kwargs.items()}
        if op.is_view:
            views = tensors_in(op.func(*args, **kwargs))
            self._substitutes |= {id(t): view for t, view in zip(op.outputs, views, strict=True)}
        elif op.is_mutation:
            self._calls.append((op.func, args, kwargs))
        else:
            out = [self._allocate(t, op, expiring) for t in op.outputs]
            self._calls += _product_calls(op.func, args, kwargs, out) or [_out_call(op.func, args, kwargs, out)]
        for storage in expiring & self._buffers.keys():
            buffer = self._buffers.pop(storage)
            self._free[buffer.numel(), buffer.dtype].append(buffer)

    def _allocate(self, tensor: Tensor, op: Operation, expiring: set[int]) -> Tensor:
        """Return the buffer for an output: that of an expiring input if possible, else a free or a new one."""
        storage = storage_address(tensor)
        if storage in self._buffers or tensor.untyped_storage().nbytes() != tensor.numel() * tensor.itemsize:
            raise CaptureError
        buffer = self._reuse_input(tensor, op, expiring)
        if buffer is None:
            free = self._free[tensor.numel(), tensor.dtype]
            buffer = free.pop() if free else torch.empty(tensor.numel(), dtype=tensor.dtype, device=tensor.device)
        self._buffers[storage] = buffer
        self._substitutes[id(tensor)] = buffer.as_strided(tensor.shape, tensor.stride())
        return self._substitutes[id(tensor)]

    def _reuse_input(self, tensor: Tensor, op: Operation, expiring: set[int]) -> Tensor | None:
        """Return the buffer of an expiring input, if the operation is elementwise and all layouts agree."""

        def layout(t: Tensor) -> tuple[Any, ...]:
            return t.shape, t.stride(), t.dtype

        if torch.Tag.pointwise not in op.func.tags:
            return None
        inputs = op.inputs()
        for storage in expiring & self._buffers.keys():
            inside = [t for t in inputs if storage_address(t) == storage]
            if inside and all(layout(t) == layout(tensor) and t.storage_offset() == 0 for t in inside):
                return self._buffers.pop(storage)
        return None


def _product_calls(
    func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], out: list[Tensor]
) -> list[Call] | None:
    """Return the calls for a product of matrices by OpenBLAS, or for a sum with one; None if torch computes it."""
    if func not in (aten.bmm.default, aten.baddbmm.default) or kwargs:
        return None
    *addend, a, b = args
    product = batched_product(a, b, out[0], add=bool(addend))
    start: list[Call] = [(out[0].copy_, tuple(addend), {})] if addend else []
    return [*start, (product, (), {})] if product else None


def _out_call(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], out: list[Tensor]) -> Call:
    """Return the call that writes the results of an operator to given tensors."""
    overload, names = _out_overload(func) or (None, [])
    if overload is not None and len(names) == len(out):
        return overload, args, {**kwargs, **dict(zip(names, out, strict=True))}
    return _copying(func, out), args, kwargs


@cache
def _out_overload(func: OpOverload) -> tuple[OpOverload, list[str]] | None:
    """Return the overload of an operator whose kernel writes to given tensors, and the names of their parameters."""
    signature = [(a.name, str(a.type)) for a in func._schema.arguments]
    for name in func.overloadpacket.overloads():
        overload = getattr(func.overloadpacket, name)
        inputs = [(a.name, str(a.type)) for a in overload._schema.arguments if not a.is_out]
        has_kernel = torch.Tag.generated not in overload.tags
        if overload._schema.is_mutable and inputs == signature and has_kernel:
            return overload, [a.name for a in overload._schema.arguments if a.is_out]
    return None


def _copying(func: OpOverload, out: list[Tensor]) -> Callable[..., None]:
    def call(*args: Any, **kwargs: Any) -> None:
        for tensor, result in zip(out, tensors_in(func(*args, **kwargs)), strict=True):
            tensor.copy_(result)

    return call
