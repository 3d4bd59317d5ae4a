"""One call of a network, with what passes between its blocks and inside them."""

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

# Shapes: B batch, L blocks. All of it is of one replicate; under vmap the tensors have no other axes either.

RELUS: set[Any] = {F.relu, F.relu_, torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_}


class Trace(NamedTuple):
    """What a call went through.

    Attributes:
        output: what the network gives.
        streams: h_0 … h_L, what the first block takes and what each of the L blocks gives, (B, …).
        peaks: for each block and each ReLU in it the largest input of each unit over the batch, (units,).
        parts: for each block the norms of what its branch adds and of what it adds to.

    """

    output: Any
    streams: list[Tensor]
    peaks: list[list[Tensor]]
    parts: list[tuple[Tensor, Tensor]]


def trace(
    network: nn.Module,
    blocks: Sequence[str],
    values: Mapping[str, Tensor],
    x: Tensor,
    taps: Sequence[Tensor] = (),
    *,
    skip: Tensor | None = None,
    inside: bool = False,
) -> Trace:
    """Call a network with these parameters and buffers.

    `taps`, where given, are added to the streams: what depends on h_l can be derived by tap l. `skip` are the indices
    of blocks that pass their input on, (K,), each in one of K equal parts of the batch. Without `inside` there are no
    peaks and no parts. It works under vmap, since nothing outlives the call but what it returns.
    """
    call = _Call(taps, skip, inside)
    with ExitStack() as stack:
        for name in blocks:
            block = network.get_submodule(name)
            stack.callback(block.register_forward_pre_hook(call.enter, with_kwargs=True).remove)
            stack.callback(block.register_forward_hook(call.leave, with_kwargs=True).remove)
            residual = getattr(block, "residual", None)
            if inside and isinstance(residual, Residual) and "combine" not in vars(residual):
                object.__setattr__(residual, "combine", call.combining(residual.combine))
                stack.callback(object.__delattr__, residual, "combine")
        if inside:
            stack.enter_context(_Relus(call))
        output = functional_call(network, dict(values), (x,))
    return Trace(output, call.streams, call.peaks, call.parts)


class _Call:
    """What has passed so far."""

    def __init__(self, taps: Sequence[Tensor], skip: Tensor | None, inside: bool) -> None:
        self.taps, self.skip, self.inside = taps, skip, inside
        self.streams: list[Tensor] = []
        self.peaks: list[list[Tensor]] = []
        self.parts: list[tuple[Tensor, Tensor]] = []
        self.is_inside = False

    def _tapped(self, h: Tensor) -> Tensor:
        h = h + self.taps[len(self.streams)] if self.taps else h
        self.streams.append(h)
        return h.clone()  # a block may begin with something in place

    def enter(self, block: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Before a block."""
        if not self.streams:
            args, kwargs = _with_first(args, kwargs, self._tapped(_first(args, kwargs)))
        self.peaks.append([])
        self.is_inside = True
        return args, kwargs

    def leave(self, block: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
        """After a block."""
        entered, number = _first(args, kwargs), len(self.peaks) - 1
        h = first_of(output)
        if not isinstance(h, Tensor):
            raise InputError(f"a block, {type(block).__name__}, gives no tensor but {type(h).__name__}")
        if self.inside and len(self.parts) == number:
            alike = entered.shape == h.shape
            self.parts.append((norm(h - entered), norm(entered)) if alike else (norm(h) * torch.nan,) * 2)
        self.is_inside = False
        h = self._tapped(self._skipped(number, entered, h))
        return type(output)([h, *output[1:]]) if type(output) in (tuple, list) else h

    def _skipped(self, number: int, entered: Tensor, h: Tensor) -> Tensor:
        if self.skip is None or entered.shape != h.shape:
            return h
        parts = (len(self.skip), -1)
        skips = (self.skip == number).view(-1, *[1] * h.ndim)
        return torch.where(skips, entered.unflatten(0, parts), h.unflatten(0, parts)).flatten(0, 1)

    def combining(self, combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        """`combine` of a residual scheme, telling what it makes of the branch alone and of the stream alone."""

        def told(x: Tensor, f: Tensor) -> Tensor:
            with torch.no_grad():
                zero = torch.zeros_like(x)
                self.parts.append((norm(combine(zero, f)), norm(combine(x, zero))))
            return combine(x, f)

        return told


class _Relus(TorchFunctionMode):
    """Sees every ReLU, be it a module or a function."""

    def __init__(self, call: _Call) -> None:
        super().__init__()
        self.call = call

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in RELUS and self.call.is_inside:
            x = args[0].detach()
            self.call.peaks[-1].append(x.amax((0, 2, 3) if x.ndim == 4 else tuple(range(x.ndim - 1))))
        return func(*args, **(kwargs or {}))


def first_of(output: Any) -> Any:
    """An output, or the first of several."""
    return output[0] if isinstance(output, tuple | list) and output else output


def norm(x: Tensor) -> Tensor:
    """The Euclidean norm of all of x, in float64: its square may be beyond float32."""
    out: Tensor = torch.linalg.vector_norm(x, dtype=torch.float64)
    return out


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    first: Tensor = args[0] if args else next(iter(kwargs.values()))
    return first


def _with_first(args: tuple[Any, ...], kwargs: dict[str, Any], value: Tensor) -> tuple[Any, dict[str, Any]]:
    if args:
        return (value, *args[1:]), kwargs
    return args, {**kwargs, next(iter(kwargs)): value}
