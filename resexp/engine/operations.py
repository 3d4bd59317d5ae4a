"""Records the tensor operations of a computation, below vmap and autograd."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload  # the type of an operator; it has no public name
from torch.utils._python_dispatch import TorchDispatchMode  # no public name either; torch's FLOP counter is based on it

UNCAPTURABLE = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape, torch.Tag.inplace_view}
"""Operators that return a value to Python, which may then branch on it, or that change the shape of a tensor."""


class CaptureError(Exception):
    """The computation cannot be captured: a replay might differ from running it."""


@dataclass
class Operation:
    """One call of an operator.

    Attributes:
        func, args, kwargs: the call.
        outputs: the tensors that it returned.
        is_view: whether the outputs share the memory of the arguments, none of which is written to.

    """

    func: OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: list[Tensor]
    is_view: bool = False

    @property
    def is_mutation(self) -> bool:
        """Whether it writes to its arguments."""
        return bool(self.func._schema.is_mutable)

    def inputs(self) -> list[Tensor]:
        """Return the tensors among its arguments."""
        return tensors_in((*self.args, *self.kwargs.values()))

    def mutated_inputs(self) -> list[Tensor]:
        """Return the arguments that it writes to."""
        parameters = self.func._schema.arguments
        by_name = {**dict(zip((p.name for p in parameters), self.args, strict=False)), **self.kwargs}
        mutated = {p.name for p in parameters if p.alias_info is not None and p.alias_info.is_write}
        return tensors_in([value for name, value in by_name.items() if name in mutated])


def map_tensors(value: Any, function: Callable[[Tensor], Any]) -> Any:
    """Apply `function` to each tensor in an argument of an operator, which may be a nested list or tuple."""
    if isinstance(value, Tensor):
        return function(value)
    return type(value)(map_tensors(v, function) for v in value) if isinstance(value, list | tuple) else value


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors in an argument or result of an operator, in order."""
    tensors: list[Tensor] = []
    map_tensors(value, tensors.append)
    return tensors


def storage_address(tensor: Tensor) -> int:
    """Return the address of the storage of a tensor, which identifies it as long as it lives."""
    return tensor.untyped_storage().data_ptr()


class Recorder(TorchDispatchMode):
    """Records all operations inside a `with` block. Raises CaptureError at an uncapturable one.

    It holds on to all tensors, so that no memory is used for a second one.

    Args:
        inputs: the tensors that the computation may use besides those that it makes. Any other tensor, such as one that
            a module keeps without registering it, may change between two calls.

    """

    def __init__(self, inputs: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self._storages = {storage_address(t) for t in inputs}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if UNCAPTURABLE.intersection(func.tags):
            raise CaptureError(func)
        result = func(*args, **(kwargs or {}))
        op = Operation(func, args, kwargs or {}, tensors_in(result))
        if not {storage_address(t) for t in op.inputs()} <= self._storages:
            raise CaptureError(func)
        self._storages |= {storage_address(t) for t in op.outputs}
        if any(t.is_conj() or t.is_neg() for t in (*op.inputs(), *op.outputs)):
            raise CaptureError(func)  # such a view has the memory of another tensor, but not its values
        storages = {storage_address(t) for t in op.inputs()}
        shared = bool(op.outputs) and all(storage_address(t) in storages for t in op.outputs)
        op.is_view = not op.is_mutation and shared
        self.operations.append(op)
        return result
