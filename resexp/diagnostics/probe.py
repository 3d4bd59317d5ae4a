"""What a diagnostic looks at: replicates of a network, and a batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._pytree import tree_map, tree_map_only

from resexp.config.errors import InputError
from resexp.diagnostics.blocks import find_blocks
from resexp.diagnostics.tracing import Trace, first_of, trace
from resexp.seeding import key

# Shapes: R replicates, B batch, L blocks.

T = TypeVar("T")


def cross_entropy(output: Any, y: Tensor) -> Tensor:
    """The mean over the batch, and over the tokens where each has a target, in nats; of several outputs, of the first.

    Raises InputError where that is no tensor of logits.
    """
    logits = first_tensor(output)
    if logits.ndim < 2:
        raise InputError(f"an output of shape {tuple(logits.shape)} has no classes; give a loss")
    return F.cross_entropy(logits.flatten(0, -2), y.flatten())


def first_tensor(output: Any) -> Tensor:
    """A network's output, or the first of several. Raises InputError where that is no tensor."""
    first = first_of(output)
    if not isinstance(first, Tensor):
        raise InputError(f"an output of type {type(first).__name__}; give a loss that takes it")
    return first


@dataclass(frozen=True, eq=False)
class Probe:
    """R replicates of a network at one moment, and the batch that they are looked at with.

    A diagnostic measures without changing anything: buffers are copies, dropout is off, random numbers come from
    `generator`. The network is in training mode, so that a norm over the batch is that of training.

    Attributes:
        network: its code; parameters and buffers are given to each call.
        blocks: the names of its blocks.
        params, buffers: of all replicates, (R, …).
        x, y: the batch, the same for all replicates.
        loss: of an output and y.
        headless: whether the gradients are of the loss of h_L, in place of the output.
        vmapped: whether replicates go through the network at once; else R is 1.
        updated: the parameters one training step later, where there was one.
        preconditioner: gives what the optimizer divides gradients by, by parameter, (R, …); None where it does not.
        lr: what the one step of `one_step` takes.
        shapes: those of one replicate's streams by the number of samples, found on the way.

    """

    network: nn.Module
    blocks: Sequence[str]
    params: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    x: Tensor
    y: Tensor
    loss: Callable[[Any, Tensor], Tensor] = cross_entropy
    headless: bool = False
    vmapped: bool = False
    updated: Mapping[str, Tensor] | None = None
    preconditioner: Callable[[], Mapping[str, Tensor] | None] = lambda: None
    lr: float = 1e-3
    shapes: dict[int, list[torch.Size]] = field(default_factory=dict)

    def __len__(self) -> int:
        """R."""
        return len(next(iter(self.params.values())))

    def few(self, most: int) -> "Probe":
        """The same with no more than `most` samples; all of them where they depend on one another."""
        return self if self.mixes or len(self.x) <= most else replace(self, x=self.x[:most], y=self.y[:most])

    def repeated(self, count: int) -> "Probe":
        """The same with `count` samples, the batch over and over."""
        index = torch.arange(count, device=self.x.device) % len(self.x)
        return replace(self, x=self.x[index], y=self.y[index])

    def run(self, params: Mapping[str, Tensor] | None = None, taps: Sequence[Tensor] = (), **how: Any) -> Trace:
        """A call of all replicates, with `params` in place of theirs; `taps` and `how` as in `tracing.trace`."""

        def call(params: dict[str, Tensor], buffers: dict[str, Tensor], taps: list[Tensor]) -> Trace:
            return trace(self.network, self.blocks, params | buffers, self.x, taps, **how)

        given = (dict(params or self.params), {n: b.clone() for n, b in self.buffers.items()}, [*taps])
        if self.vmapped:
            return vmap(call)(*given)
        return tree_map_only(Tensor, lambda t: t[None], call(*tree_map(lambda t: t[0], given)))  # type: ignore[no-any-return]

    def losses(self, output: Any) -> Tensor:
        """The loss of each replicate, (R,)."""

        def part(r: int) -> Any:
            return tree_map_only(Tensor, lambda t: t[r], output)

        return torch.stack([self.loss(part(r), self.y) for r in range(len(self))])

    def taps(self) -> list[Tensor]:
        """Zeros to be added to each stream, by which to derive."""
        if len(self.x) not in self.shapes:
            with torch.no_grad():
                first = {name: v[0].clone() for name, v in {**self.params, **self.buffers}.items()}
                self.shapes[len(self.x)] = [h.shape for h in trace(self.network, self.blocks, first, self.x).streams]
        like = next(iter(self.params.values()))
        return [like.new_zeros(len(self), *shape).requires_grad_() for shape in self.shapes[len(self.x)]]

    @cached_property
    def trace(self) -> Trace:
        """A call, with what is inside the blocks, without gradients."""
        return self._pass[0]

    @cached_property
    def stream_grads(self) -> list[Tensor]:
        """∂loss/∂h_l, l = 0 … L, each (R, B, …)."""
        return self._pass[1]

    @cached_property
    def grads(self) -> dict[str, Tensor]:
        """∂loss/∂W of each parameter, (R, …)."""
        return self._pass[2]

    @cached_property
    def _pass(self) -> tuple[Trace, list[Tensor], dict[str, Tensor]]:
        taps, params = self.taps(), self.leaves()
        seen = self.run(params, taps, inside=True)
        loss = self.losses(seen.streams[-1] if self.headless else seen.output).sum()
        grads = torch.autograd.grad(loss, [*taps, *params.values()], materialize_grads=True)
        named = dict(zip(params, grads[len(taps) :], strict=True))
        detached: Trace = tree_map_only(Tensor, lambda t: t.detach(), seen)
        return detached, [*grads[: len(taps)]], named

    def leaves(self) -> dict[str, Tensor]:
        """The parameters, by which to derive."""
        return {name: p.detach().requires_grad_() for name, p in self.params.items()}

    @cached_property
    def known(self) -> dict[str, Any]:
        """What quantities that have something in common leave for one another."""
        return {}

    @cached_property
    def mixes(self) -> bool:
        """Whether a sample's stream depends on the others of the batch, as behind a norm over it."""
        if len(self.x) == 1:
            return False
        taps = self.taps()
        end = self.run(taps=taps).streams[-1]
        (grad,) = torch.autograd.grad(end[:, 0].sum(), taps[0], materialize_grads=True)
        return bool((grad[:, 1:].abs() > 0).any())  # not so where it is NaN

    def weights(self, number: int) -> dict[str, Tensor]:
        """The weights of block `number`, 0-based, that are matrices or more, by their names in the block: (R, …)."""
        prefix = f"{self.blocks[number]}."
        return {name.removeprefix(prefix): self.params[name] for name in self._matrices[number]}

    @cached_property
    def _matrices(self) -> list[list[str]]:
        """The names of the weights of each block."""
        found: dict[str, list[str]] = {block: [] for block in self.blocks}
        for name in (name for name, p in self.params.items() if p.ndim > 2):
            for outer in accumulate(name.split("."), "{}.{}".format):
                found.get(outer, []).append(name)
        return [*found.values()]

    def per_replicate(self, measure: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """`measure` of each replicate's part of some tensors, (R,)."""
        return torch.stack([measure(*parts) for parts in zip(*tensors, strict=True)])

    def generator(self, name: str) -> torch.Generator:
        """Random numbers of the CPU that are the same in every replicate and arm."""
        return torch.Generator().manual_seed(key("diagnostics", name))


def probe_of(module: nn.Module, x: Tensor, y: Tensor, pattern: str | None = None, **more: Any) -> Probe:
    """A module as it stands, R being 1. `more`: other attributes of the Probe. Raises as `find_blocks`.

    Whoever asks sees to it that the module is in training mode and its dropout off.
    """
    params = {name: p.detach()[None] for name, p in module.named_parameters()}
    buffers = {name: b.detach()[None] for name, b in module.named_buffers()}
    return Probe(module, find_blocks(module, pattern), params, buffers, x, y, **more)
