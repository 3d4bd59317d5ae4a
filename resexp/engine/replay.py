"""Repeated blocks: one is traced, and its trace replayed for each.

The operations of a small block take less time than vmap and autograd take to arrange them.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call, vmap

from resexp.engine.trace import Program, trace

REPEATS = 4
"""As many blocks have to share a trace for it to be worth its time."""


class Stack(nn.Sequential):
    """An nn.Sequential that under vmap, while `replays` is set, replays traces of its modules.

    Its gradients can then be taken once, not twice. Where a module cannot be traced, all run as they are.

    Attributes:
        kinds: for each module, which is the first like it.
        names: for each module, the names of its parameters.
        params: for each module, its parameters of all replicates. They do not pass through vmap, which would wrap
            hundreds of them in each step.

    """

    replays = False

    def __init__(self, modules: nn.Sequential) -> None:
        super().__init__(*modules)
        self.train(modules.training)
        self.kinds: list[int] = []
        signatures: list[Any] = []
        for signature in map(_signature, self):
            self.kinds.append(next((i for i, s in enumerate(signatures) if _equal(s, signature)), len(signatures)))
            signatures.append(signature)
        self.names = [[name for name, _ in module.named_parameters()] for module in self]
        self.params: list[list[Tensor]] = []
        self.programs: dict[Any, list[Program] | None] = {}

    def forward(self, x: Tensor) -> Tensor:
        """As nn.Sequential."""
        if not self.replays:
            return super().forward(x)  # type: ignore[no-any-return, no-untyped-call]
        out: Tensor = _UnderVmap.apply(self, x)
        return out

    def replay(self, x_RB: Tensor) -> Tensor:
        """The output for a batch of each replicate."""
        key = (x_RB.shape, x_RB.dtype, self.training)
        if key not in self.programs:
            self.programs[key] = self._traced(x_RB.detach())
        programs, flat = self.programs[key], [p for own in self.params for p in own]
        out: Tensor = self._as_they_are(x_RB) if programs is None else _Replay.apply(programs, x_RB, *flat)
        return out

    def _traced(self, x_RB: Tensor) -> list[Program] | None:
        params = [[p.detach() for p in own] for own in self.params]
        traces = {kind: trace(self[kind], self.names[kind], x_RB, params[kind]) for kind in {*self.kinds}}
        if not all(traces.values()):
            return None
        return [Program(found, own) for kind, own in zip(self.kinds, params, strict=True) if (found := traces[kind])]

    def _as_they_are(self, x_RB: Tensor) -> Tensor:
        def through(params: Sequence[Sequence[Tensor]], x: Tensor) -> Tensor:
            for module, names, values in zip(self, self.names, params, strict=True):
                x = functional_call(module, dict(zip(names, values, strict=True)), (x,))
            return x

        out: Tensor = vmap(through)(self.params, x_RB)
        return out


class _UnderVmap(torch.autograd.Function):
    """Meets the stacked stream below vmap."""

    @staticmethod
    def forward(stack: Stack, x: Tensor) -> Tensor:
        raise RuntimeError("a stack replays under vmap alone")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing to keep: the gradient is that of what `vmap` returns."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], stack: Stack, x: Tensor) -> tuple[Tensor, int]:
        x_RB = x.expand(info.batch_size, *x.shape) if in_dims[1] is None else x.movedim(in_dims[1], 0)
        return stack.replay(x_RB.contiguous()), 0


class _Replay(torch.autograd.Function):
    """The programs one after the other."""

    @staticmethod
    def forward(ctx: Any, programs: list[Program], x_RB: Tensor, *params: Tensor) -> Tensor:
        ctx.runs = []
        for program in programs:
            entered = x_RB
            x_RB, *saved = program.forward(entered)
            ctx.runs.append((program, entered, saved))
        return x_RB

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_RB: Tensor) -> tuple[Tensor | None, ...]:
        grad_RB, grads = grad_RB.contiguous(), []
        while ctx.runs:  # lets go of what is saved as it is used
            program, entered, saved = ctx.runs.pop()
            grad_RB, *own = program.backward(grad_RB, entered, saved)
            grads.append(own)
        return (None, grad_RB, *(grad for own in reversed(grads) for grad in own))


def put_stacks(network: nn.Module) -> None:
    """Put stacks in the place of the sequences of like modules in a network."""
    inside: set[nn.Module] = set()
    for module in [*network.modules()]:
        for name, child in module.named_children():
            is_static = not any(True for _ in child.buffers())  # a trace would freeze them
            if type(child) is nn.Sequential and is_static and child not in inside:
                stack = Stack(child)
                if len(stack) >= REPEATS * len({*stack.kinds}):
                    setattr(module, name, stack)
                    inside.update(child.modules())


def hand_over(network: nn.Module, params: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the stacks of a network their parameters; returns those that the rest of it needs."""
    names = {id(p): name for name, p in network.named_parameters()}
    theirs: set[nn.Module] = set()
    for stack in network.modules():
        if isinstance(stack, Stack):
            stack.params = [[params[names[id(p)]] for p in module.parameters()] for module in stack]
            theirs.update(stack.modules())
    rest = (module for module in network.modules() if module not in theirs)
    needed = {names[id(p)] for module in rest for p in module._parameters.values() if p is not None}
    return {name: p for name, p in params.items() if name in needed}


def _signature(module: nn.Module) -> Any:
    """All that tells what a module computes, but for the values of its parameters."""
    own = {
        key: [*value.values()] if key.endswith("_hooks") else value
        for key, value in vars(module).items()
        if key not in ("_parameters", "_modules")
    }
    params = {name: None if p is None else (p.shape, p.dtype) for name, p in module._parameters.items()}
    return type(module), own, params, {name: _signature(m) for name, m in module.named_children()}


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # what cannot be compared, as tensors, is not known to be equal
        return False
