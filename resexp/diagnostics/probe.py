"""What a quantity is measured from: replicates of a network, and a batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._pytree import tree_map, tree_map_only

from resexp.config.errors import InputError
from resexp.diagnostics.blocks import find_blocks
from resexp.diagnostics.tracing import Trace, first_output, trace
from resexp.seeding import key

# Shapes: R replicates, B batch, L blocks.


def cross_entropy(output: Any, y: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats over samples, or over tokens if each has a target.

    Args:
        output: logits, or several outputs of which the first is logits.
        y: targets.

    Raises:
        InputError: the output is not a tensor of logits.

    """
    logits = first_tensor(output)
    if logits.ndim < 2:
        raise InputError(f"the network's output of shape {tuple(logits.shape)} has no axis of classes; pass a loss")
    return F.cross_entropy(logits.flatten(0, -2), y.flatten())


def first_tensor(output: Any) -> Tensor:
    """Return the output of a network, or the first of several. Raises InputError if it is not a tensor."""
    first = first_output(output)
    if not isinstance(first, Tensor):
        raise InputError(f"the network's output is a {type(first).__name__}, not a tensor; pass a loss that accepts it")
    return first


@dataclass(frozen=True, eq=False)
class Probe:
    """R replicates of a network at one moment, and the batch they are measured on.

    Measuring changes nothing: each call gets copies of the buffers, dropout is off, and random numbers come from
    `generator`. The network is in training mode, so normalizers use the statistics of the batch.

    Attributes:
        network: its code; each call gets parameters and buffers.
        blocks: the names of its blocks.
        params, buffers: by name, (R, …).
        x, y: the batch, the same for all replicates.
        loss: a function of the output and y.
        headless: take the gradients of the loss of h_L instead of the output.
        vmapped: run all replicates in one call; otherwise R is 1.
        updated: the parameters one training step later, if there is one.
        preconditioner: returns the optimizer's divisors of the gradients by parameter, (R, …), or None.
        lr: the learning rate, for the quantity `one_step`.
        stream_shapes: a cache, the shapes of one replicate's streams by number of samples.

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
    stream_shapes: dict[int, list[torch.Size]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return R."""
        return len(next(iter(self.params.values())))

    def first_samples(self, count: int) -> "Probe":
        """Return the probe with at most `count` samples, or with all if they depend on each other."""
        if self.mixes_samples or len(self.x) <= count:
            return self
        return replace(self, x=self.x[:count], y=self.y[:count])

    def repeated(self, count: int) -> "Probe":
        """Return the probe with `count` samples, cycling through the batch."""
        index = torch.arange(count, device=self.x.device) % len(self.x)
        return replace(self, x=self.x[index], y=self.y[index])

    def run(
        self, params: Mapping[str, Tensor] | None = None, perturbations: Sequence[Tensor] = (), **options: Any
    ) -> Trace:
        """Run all replicates, with their parameters or other `params`; see `tracing.trace` for the rest."""

        def call(params: dict[str, Tensor], buffers: dict[str, Tensor], perturbations: list[Tensor]) -> Trace:
            return trace(self.network, self.blocks, params | buffers, self.x, perturbations, **options)

        args = (dict(params or self.params), {n: b.clone() for n, b in self.buffers.items()}, [*perturbations])
        if self.vmapped:
            return vmap(call)(*args)
        return tree_map_only(Tensor, lambda t: t[None], call(*tree_map(lambda t: t[0], args)))  # type: ignore[no-any-return]

    def losses(self, output: Any) -> Tensor:
        """Return the loss of each replicate, (R,)."""

        def of_replicate(r: int) -> Any:
            return tree_map_only(Tensor, lambda t: t[r], output)

        return torch.stack([self.loss(of_replicate(r), self.y) for r in range(len(self))])

    def perturbations(self) -> list[Tensor]:
        """Return zeros of the shapes of h_0 … h_L that require gradients; `run` adds them to the streams."""
        if len(self.x) not in self.stream_shapes:
            with torch.no_grad():
                first = {name: v[0].clone() for name, v in {**self.params, **self.buffers}.items()}
                streams = trace(self.network, self.blocks, first, self.x).streams
                self.stream_shapes[len(self.x)] = [h.shape for h in streams]
        like = next(iter(self.params.values()))
        return [like.new_zeros(len(self), *shape).requires_grad_() for shape in self.stream_shapes[len(self.x)]]

    def leaves(self) -> dict[str, Tensor]:
        """Return the parameters as leaves of a new autograd graph."""
        return {name: p.detach().requires_grad_() for name, p in self.params.items()}

    def generator(self, name: str) -> torch.Generator:
        """Return a CPU generator of random numbers, the same in all replicates and arms."""
        return torch.Generator().manual_seed(key("diagnostics", name))

    def weight_matrices(self, number: int) -> dict[str, Tensor]:
        """Return the parameters of block `number`, 0-based, with two or more axes: name in the block → (R, …)."""
        prefix = f"{self.blocks[number]}."
        return {name.removeprefix(prefix): self.params[name] for name in self._matrix_names[number]}

    def block_norms(self, blocks: Sequence[Sequence[Tensor]]) -> Tensor:
        """Return the joint norm of each block's tensors (R, …), as (R, L); NaN for a block without tensors."""
        nan_R = self.x.new_full((len(self),), torch.nan, dtype=torch.float64)
        norms_R = [replicate_norms(part) for parts in blocks for part in parts or [nan_R]]
        squares = torch.stack(norms_R, 1).square().split([len(parts) or 1 for parts in blocks], 1)
        return torch.stack([square.sum(1) for square in squares], 1).sqrt()

    @cached_property
    def trace(self) -> Trace:
        """The trace of a call, with what is inside the blocks, detached."""
        return self._backward[0]

    @cached_property
    def stream_grads(self) -> list[Tensor]:
        """∂loss/∂h_l, l = 0 … L, each (R, B, …)."""
        return self._backward[1]

    @cached_property
    def grads(self) -> dict[str, Tensor]:
        """∂loss/∂W of each parameter, (R, …)."""
        return self._backward[2]

    @cached_property
    def cache(self) -> dict[str, Any]:
        """Intermediate results that several quantities share."""
        return {}

    @cached_property
    def mixes_samples(self) -> bool:
        """Whether the stream of a sample depends on the others in the batch, as with batch normalization."""
        if len(self.x) == 1:
            return False
        perturbations = self.perturbations()
        end = self.run(perturbations=perturbations).streams[-1]
        (grad,) = torch.autograd.grad(end[:, 0].sum(), perturbations[0], materialize_grads=True)
        return bool((grad[:, 1:].abs() > 0).any())  # false for NaN

    @cached_property
    def _backward(self) -> tuple[Trace, list[Tensor], dict[str, Tensor]]:
        perturbations, params = self.perturbations(), self.leaves()
        record = self.run(params, perturbations, inside=True)
        loss = self.losses(record.streams[-1] if self.headless else record.output).sum()
        grads = torch.autograd.grad(loss, [*perturbations, *params.values()], materialize_grads=True)
        param_grads = dict(zip(params, grads[len(perturbations) :], strict=True))
        detached: Trace = tree_map_only(Tensor, lambda t: t.detach(), record)
        return detached, [*grads[: len(perturbations)]], param_grads

    @cached_property
    def _matrix_names(self) -> list[list[str]]:
        names: dict[str, list[str]] = {block: [] for block in self.blocks}
        for name in (name for name, p in self.params.items() if p.ndim > 2):
            for prefix in accumulate(name.split("."), "{}.{}".format):
                names.get(prefix, []).append(name)
        return [*names.values()]


def probe_of(module: nn.Module, x: Tensor, y: Tensor, pattern: str | None = None, **fields: Any) -> Probe:
    """Return a probe of one module, R = 1.

    Args:
        module: in training mode and without dropout.
        x, y: the batch.
        pattern: selects the blocks, see `find_blocks`.
        **fields: other attributes of `Probe`.

    Raises:
        InputError: the module has no blocks.

    """
    params = {name: p.detach()[None] for name, p in module.named_parameters()}
    buffers = {name: b.detach()[None] for name, b in module.named_buffers()}
    return Probe(module, find_blocks(module, pattern), params, buffers, x, y, **fields)


def replicate_norms(x: Tensor) -> Tensor:
    """Return the norm of each replicate's part of x, (R,), in float64 because the square may overflow in float32."""
    out: Tensor = torch.linalg.vector_norm(x.reshape(len(x), -1), dim=1, dtype=torch.float64)
    return out
