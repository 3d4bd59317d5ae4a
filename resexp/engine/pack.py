"""R replicates of one cell, trained together."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from resexp.data.dataset import Data, Split
from resexp.engine.recording import UnrepeatableError, copied, record
from resexp.engine.rewrites import simplified
from resexp.engine.tape import Tape
from resexp.nn.dropout import Dropout
from resexp.nn.initialize import Initializer, initialize

# Shapes: R replicates, P parameters of one, B batch, N samples.

ALIGN = 16
"""Every parameter starts at a multiple of 64 bytes: vector instructions then round alike wherever a replicate lies."""

CHUNK = 4096
"""Values that one partial sum of a gradient norm covers: too few for a second thread, so threads change no digit."""

SQUARABLE = (1e-12, 1e12)
"""Gradient norms between these come from squares that neither vanish nor overflow in float32."""

EVALUATE = 1024
"""Samples that are evaluated at a time."""

DROPOUTS = (Dropout, nn.Dropout)
"""What is on in training alone, also where a loss is measured as in training."""

Rows = int | slice


@dataclass(frozen=True)
class ReplicateGroup:
    """Replicates that go through the network together: all of them under vmap, or one."""

    rows: Rows
    params: dict[str, Tensor]
    grads: tuple[Tensor, ...]
    buffers: dict[str, Tensor]


class Pack:
    """Parameters, buffers and gradients of R replicates.

    All parameters of all replicates are one matrix `weights_RP`; what the network sees are views of it. The numbers of
    a replicate therefore do not depend on what else is in the pack, and an elementwise optimizer steps over a replicate
    in one piece.

    Attributes:
        weights_RP, grads_RP: parameters and gradients, a row per replicate, padded with zeros.
        mode: "vmap", all replicates at once, or "plain", one after the other.

    """

    def __init__(
        self,
        make_network: Callable[[], nn.Module],
        initializer: Initializer,
        seeds: tuple[int, ...],
        *,
        device: torch.device,
        dtype: torch.dtype,
        vmapped: bool,
    ) -> None:
        self.device, self.mode = device, "vmap" if vmapped else "plain"
        networks = [initialize(make_network, seed, initializer).to(dtype) for seed in seeds]
        self.shapes = {name: p.shape for name, p in networks[0].named_parameters()}
        self.starts, size = {}, 0
        for name, shape in self.shapes.items():
            self.starts[name] = size
            size += -(-shape.numel() // ALIGN) * ALIGN
        self.weights_RP = torch.zeros(len(seeds), -(-size // CHUNK) * CHUNK, device=device, dtype=dtype)
        self.grads_RP = torch.zeros_like(self.weights_RP)
        for r, network in enumerate(networks):
            for view, parameter in zip(self.views(self.weights_RP, r).values(), network.parameters(), strict=True):
                view.copy_(parameter.detach())
        buffers = [dict(network.named_buffers()) for network in networks]
        self.buffers = {name: torch.stack([b[name] for b in buffers]).to(device) for name in buffers[0]}
        self.network = _without_values(networks[0])
        self._passes: dict[Any, Callable[[Tensor, Tensor], Tensor]] = {}
        self._dropouts = [module for module in self.network.modules() if isinstance(module, DROPOUTS)]
        self.lanes = [self._lane(rows) for rows in ([slice(None)] if vmapped else range(len(seeds)))]

    def _lane(self, rows: Rows) -> ReplicateGroup:
        params = {name: view.requires_grad_() for name, view in self.views(self.weights_RP, rows).items()}
        buffers = {name: buffer[rows] for name, buffer in self.buffers.items()}
        return ReplicateGroup(rows, params, tuple(self.views(self.grads_RP, rows).values()), buffers)

    def views(self, matrix_RP: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Each parameter's part of some rows of a matrix, in its own shape behind the rows."""
        part = matrix_RP[rows]
        return {
            name: part.narrow(-1, self.starts[name], shape.numel()).view(part.shape[:-1] + shape)
            for name, shape in self.shapes.items()
        }

    @property
    def parameters(self) -> int:
        """The number of parameters of one replicate."""
        return sum(shape.numel() for shape in self.shapes.values())

    def state(self, row: int) -> dict[str, Tensor]:
        """Parameters and buffers of one replicate, as `state_dict` names them."""
        weights = {name: view.detach() for name, view in self.views(self.weights_RP, row).items()}
        return {**weights, **{name: buffer[row] for name, buffer in self.buffers.items()}}

    def __len__(self) -> int:
        return len(self.weights_RP)

    def _measure(
        self, params: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy in nats and accuracy of one replicate on x (B, *shape), y (B,) or (B, T)."""
        logits = functional_call(self.network, (params, buffers), (x,))
        logits, y = logits.flatten(0, -2), y.flatten()
        return F.cross_entropy(logits, y), (logits.argmax(-1) == y).to(logits.dtype).mean()

    def _mode(self, *, training: bool, dropout: bool = False) -> None:
        if self.network.training != training:
            self.network.train(training)
        for module in self._dropouts:
            module.train(dropout)

    def as_measured(self) -> None:
        """Let the network run as training has it, but for dropout."""
        self._mode(training=True)

    def _over(self, in_dims: tuple[int | None, ...]) -> Callable[..., Any]:
        return vmap(self._measure, in_dims) if self.mode == "vmap" else self._measure

    def backward(self, x_RB: Tensor, y_RB: Tensor) -> tuple[Tensor, Tensor]:
        """Write the gradients of each replicate's loss on its own batch; the losses and accuracies, (R,)."""
        self._mode(training=True, dropout=True)
        batch = x_RB.shape, x_RB.dtype
        if batch not in self._passes:
            self._passes[batch] = self._pass(x_RB, y_RB)
        loss_R, accuracy_R = self._passes[batch](x_RB, y_RB)
        return loss_R, accuracy_R

    def _pass(self, x_RB: Tensor, y_RB: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """How to go forward and backward on batches such as this: as recorded, where that is sure to be the same.

        Where it is depends on the network alone, never on the pack or the step: a recorded pass rounds differently.
        """
        if self.mode != "vmap" or self.device.type != "cpu":
            return self._forward_and_backward
        x_RB, y_RB = x_RB.clone(), y_RB.clone()
        measured_2R = self.weights_RP.new_empty(2, len(self))

        def run() -> None:
            measured_2R.copy_(self._forward_and_backward(x_RB, y_RB))

        network = self.network
        try:
            self.network = copied(network)
            ops = record(run, self.network, self.buffers)
            tape = Tape(simplified(ops))
        except UnrepeatableError:
            return self._forward_and_backward
        finally:
            self.network = network

        def repeat(x: Tensor, y: Tensor) -> Tensor:
            x_RB.copy_(x)
            y_RB.copy_(y)
            tape()
            return measured_2R.clone()

        return repeat

    def _forward_and_backward(self, x_RB: Tensor, y_RB: Tensor) -> Tensor:
        """As `backward`, by torch.func and autograd."""
        measured_2R = self.weights_RP.new_empty(2, len(self))
        measure = self._over((0, 0, 0, 0))
        for lane in self.lanes:
            loss, accuracy = measure(lane.params, lane.buffers, x_RB[lane.rows], y_RB[lane.rows])
            grads = torch.autograd.grad(loss.sum(), tuple(lane.params.values()), materialize_grads=True)
            for view, grad in zip(lane.grads, grads, strict=True):
                view.copy_(grad)
            measured_2R[0, lane.rows], measured_2R[1, lane.rows] = loss.detach(), accuracy
        return measured_2R

    def clip(self, largest: float | None) -> Tensor:
        """Each replicate's gradient norm (R,), by which its gradients are scaled down where it is above `largest`."""
        norm_R = _norm(self.grads_RP)
        if self.device.type == "cpu":  # where looking at a value costs nothing
            unsafe = (~((norm_R > SQUARABLE[0]) & (norm_R < SQUARABLE[1]))).nonzero().flatten()
        else:
            unsafe = torch.arange(len(self), device=self.device)
        if len(unsafe):
            rows = self.grads_RP[unsafe]
            peak = rows.abs().amax(1).clamp_min(torch.finfo(rows.dtype).tiny)
            norm_R[unsafe] = _norm(rows / peak[:, None]) * peak
        if largest is not None:
            self.grads_RP *= (largest / (norm_R + 1e-6)).clamp(max=1.0)[:, None]
        return norm_R

    @torch.no_grad()
    def evaluate(self, data: Data, split: Split, as_trained: int | None = None) -> tuple[Tensor, Tensor]:
        """Mean loss and accuracy of each replicate over a split, (R,), without dropout.

        `as_trained`: with the statistics of batches of about that size, as training has them; no buffer changes.
        """
        batchwise = as_trained is not None and bool(self.buffers)
        self._mode(training=batchwise)
        total = self.weights_RP.new_zeros(2, len(self))
        measure = self._over((0, 0, None, None))
        parts = -(-len(split) // (as_trained if as_trained and batchwise else EVALUATE))
        for x, y in zip(split.x.tensor_split(parts), split.y.tensor_split(parts), strict=True):
            batch = data.standardize(x)
            for lane in self.lanes:
                buffers = {name: b.clone() for name, b in lane.buffers.items()} if batchwise else lane.buffers
                total[:, lane.rows] += len(y) * torch.stack(measure(lane.params, buffers, batch, y))
        loss_R, accuracy_R = total / len(split)
        return loss_R, accuracy_R


def _without_values(network: nn.Module) -> nn.Module:
    """The network's code alone, which is all that is needed of it; `to("meta")` would part tied parameters."""
    empty: dict[int, Any] = {id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in network.parameters()}
    return copy.deepcopy(network, empty | {id(b): b.to("meta") for b in network.buffers()})


def _norm(matrix_RP: Tensor) -> Tensor:
    """The norm of each row, (R,), in an order of summation that depends on nothing but its length."""
    chunks = matrix_RP.view(len(matrix_RP), -1, CHUNK)
    norm_R: Tensor = torch.linalg.vector_norm(torch.linalg.vector_norm(chunks, dim=-1), dim=-1)
    return norm_R
