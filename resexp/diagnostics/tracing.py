"""Runs a network once and records what passes between its blocks and inside them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from resexp.config.errors import InputError
from resexp.nn.block import Residual

# Shapes: B batch, L blocks, K deleted blocks, U units. Tensors are those of one replicate, also under vmap.

RELUS: set[Any] = {F.relu, F.relu_, torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_}


class Trace(NamedTuple):
    """The record of one call of a network.

    Attributes:
        output: of the network.
        streams: h_0 … h_L, the input of the first block and the output of each block, (B, …).
        relu_peaks: for each block and each ReLU in it, the largest input of each unit over the batch, (U,).
        branch_norms: for each block, the norms of what the branch adds and of what it adds to.

    """

    output: Any
    streams: list[Tensor]
    relu_peaks: list[list[Tensor]]
    branch_norms: list[tuple[Tensor, Tensor]]


def trace(
    network: nn.Module,
    blocks: Sequence[str],
    values: Mapping[str, Tensor],
    x: Tensor,
    perturbations: Sequence[Tensor] = (),
    *,
    deleted: Tensor | None = None,
    inside: bool = False,
) -> Trace:
    """Call a network and record it. This works under vmap, because only the returned tensors outlive the call.

    Args:
        network: called with `values`.
        blocks: names of its blocks.
        values: parameters and buffers by name.
        x: the batch, (B, …).
        perturbations: added to h_0 … h_L, so that the gradient at h_l is that at perturbation l.
        deleted: indices of K blocks, (K,). The batch consists of K equal parts; in part k, block `deleted[k]` returns
            its input.
        inside: also record `relu_peaks` and `branch_norms`.

    Raises:
        InputError: a block returns no tensor.

    """
    recorder = _BlockRecorder(perturbations, deleted, inside)
    with ExitStack() as stack:
        for name in blocks:
            block = network.get_submodule(name)
            stack.callback(block.register_forward_pre_hook(recorder.before_block, with_kwargs=True).remove)
            stack.callback(block.register_forward_hook(recorder.after_block, with_kwargs=True).remove)
            residual = getattr(block, "residual", None)
            if inside and isinstance(residual, Residual) and "combine" not in vars(residual):
                object.__setattr__(residual, "combine", recorder.recorded_combine(residual.combine))
                stack.callback(object.__delattr__, residual, "combine")
        if inside:
            stack.enter_context(_ReluRecorder(recorder))
        output = functional_call(network, dict(values), (x,))
    return Trace(output, recorder.streams, recorder.relu_peaks, recorder.branch_norms)


class _BlockRecorder:
    """Hooks of the blocks in one call of a network."""

    def __init__(self, perturbations: Sequence[Tensor], deleted: Tensor | None, inside: bool) -> None:
        self.perturbations, self.deleted, self.inside = perturbations, deleted, inside
        self.streams: list[Tensor] = []
        self.relu_peaks: list[list[Tensor]] = []
        self.branch_norms: list[tuple[Tensor, Tensor]] = []
        self.in_block = False

    def before_block(self, block: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Record h_0 before the first block."""
        if not self.streams:
            args, kwargs = _replace_first(args, kwargs, self._record_stream(_first_argument(args, kwargs)))
        self.relu_peaks.append([])
        self.in_block = True
        return args, kwargs

    def after_block(self, block: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
        """Record the output of a block."""
        x, number = _first_argument(args, kwargs), len(self.relu_peaks) - 1
        h = first_output(output)
        if not isinstance(h, Tensor):
            raise InputError(f"block {type(block).__name__}: expected a tensor as its output; got {type(h).__name__}")
        if self.inside and len(self.branch_norms) == number:
            same_shape = x.shape == h.shape
            self.branch_norms.append((norm(h - x), norm(x)) if same_shape else (norm(h) * torch.nan,) * 2)
        self.in_block = False
        h = self._record_stream(self._delete(number, x, h))
        return type(output)([h, *output[1:]]) if type(output) in (tuple, list) else h

    def recorded_combine(self, combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        """Wrap `combine` of a residual scheme to record the norms of combine(0, f) and combine(x, 0)."""

        def wrapper(x: Tensor, f: Tensor) -> Tensor:
            with torch.no_grad():
                zero = torch.zeros_like(x)
                self.branch_norms.append((norm(combine(zero, f)), norm(combine(x, zero))))
            return combine(x, f)

        return wrapper

    def _record_stream(self, h: Tensor) -> Tensor:
        h = h + self.perturbations[len(self.streams)] if self.perturbations else h
        self.streams.append(h)
        return h.clone()  # the next block may begin with an operation in place

    def _delete(self, number: int, x: Tensor, h: Tensor) -> Tensor:
        """Return x in the part of the batch in which block `number` is deleted, h in the others."""
        if self.deleted is None or x.shape != h.shape:
            return h
        parts = (len(self.deleted), -1)
        is_deleted = (self.deleted == number).view(-1, *[1] * h.ndim)
        return torch.where(is_deleted, x.unflatten(0, parts), h.unflatten(0, parts)).flatten(0, 1)


class _ReluRecorder(TorchFunctionMode):
    """Records the inputs of every ReLU inside a block, be it a module or a function."""

    def __init__(self, recorder: _BlockRecorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in RELUS and self.recorder.in_block:
            x = args[0].detach()
            batch_axes = (0, 2, 3) if x.ndim == 4 else tuple(range(x.ndim - 1))
            self.recorder.relu_peaks[-1].append(x.amax(batch_axes))
        return func(*args, **(kwargs or {}))


def first_output(output: Any) -> Any:
    """Return an output, or the first of several."""
    return output[0] if isinstance(output, tuple | list) and output else output


def norm(x: Tensor) -> Tensor:
    """Return the Euclidean norm of all of x, in float64 because the square may overflow in float32."""
    out: Tensor = torch.linalg.vector_norm(x, dtype=torch.float64)
    return out


def _first_argument(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    first: Tensor = args[0] if args else next(iter(kwargs.values()))
    return first


def _replace_first(args: tuple[Any, ...], kwargs: dict[str, Any], value: Tensor) -> tuple[Any, dict[str, Any]]:
    if args:
        return (value, *args[1:]), kwargs
    return args, {**kwargs, next(iter(kwargs)): value}
