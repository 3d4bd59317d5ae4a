"""The memory layout of R replicates of one cell."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from resexp.nn.dropout import Dropout
from resexp.nn.initialize import Initializer, initialize

# Shapes: R replicates, P parameters of one replicate, padding included.

ALIGNMENT = 16
"""Each parameter starts at a multiple of this many values, 64 bytes in float32. Vector instructions then round the
same wherever a replicate lies in memory."""

CHUNK = 4096
"""Values in one partial sum of a gradient norm, too few for torch to use a second thread, so the number of threads
does not affect the result. Rows are padded to a multiple of it."""

DROPOUTS = (Dropout, nn.Dropout)

Rows = int | slice
"""An index selects one replicate and drops the axis R; a slice keeps it."""


@dataclass(frozen=True)
class ReplicateGroup:
    """Replicates that run through the network in one call: all of them under vmap, otherwise one.

    Attributes:
        rows: the rows of the pack's matrices that belong to the group.
        params, buffers: views by name, (R, …) under vmap and (…) otherwise.
        grads: views of the gradients, in the order of `params`.

    """

    rows: Rows
    params: dict[str, Tensor]
    grads: tuple[Tensor, ...]
    buffers: dict[str, Tensor]


class Pack:
    """Parameters, gradients and buffers of R replicates.

    The parameters of all replicates are one matrix `weights_RP`, and the network gets views of it. The values of a
    replicate therefore do not depend on the other replicates in the pack, and an elementwise optimizer updates a whole
    replicate at once.

    Args:
        make_network: builds the network; called once per replicate.
        initializer: fills the linear layers.
        seeds: one per replicate.
        device, dtype: of the parameters and gradients.
        vmapped: run all replicates in one call under vmap, instead of one after the other.

    Attributes:
        weights_RP, grads_RP: parameters and gradients, one row per replicate, padded with zeros.
        buffers: name → (R, …).
        network: the code of the network; its parameters and buffers are on the meta device.
        mode: "vmap" or "plain".
        groups: the replicates by call of the network.

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
        self._starts, size = {}, 0
        for name, shape in self.shapes.items():
            self._starts[name] = size
            size += _round_up(shape.numel(), ALIGNMENT)
        self.weights_RP = torch.zeros(len(seeds), _round_up(size, CHUNK), device=device, dtype=dtype)
        self.grads_RP = torch.zeros_like(self.weights_RP)
        for r, network in enumerate(networks):
            for view, parameter in zip(self.views(self.weights_RP, r).values(), network.parameters(), strict=True):
                view.copy_(parameter.detach())
        buffers = [dict(network.named_buffers()) for network in networks]
        self.buffers = {name: torch.stack([b[name] for b in buffers]).to(device) for name in buffers[0]}
        self.network = _on_meta(networks[0])
        self._dropouts = [module for module in self.network.modules() if isinstance(module, DROPOUTS)]
        self.groups = [self._group(rows) for rows in ([slice(None)] if vmapped else range(len(seeds)))]

    def _group(self, rows: Rows) -> ReplicateGroup:
        params = {name: view.requires_grad_() for name, view in self.views(self.weights_RP, rows).items()}
        buffers = {name: buffer[rows] for name, buffer in self.buffers.items()}
        return ReplicateGroup(rows, params, tuple(self.views(self.grads_RP, rows).values()), buffers)

    def __len__(self) -> int:
        return len(self.weights_RP)

    @property
    def num_parameters(self) -> int:
        """The number of parameters of one replicate, padding excluded."""
        return sum(shape.numel() for shape in self.shapes.values())

    def views(self, matrix_RP: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Return a view of each parameter's columns in some rows of a matrix laid out like `weights_RP`.

        A view has the shape of the parameter, after the axis R if `rows` is a slice.
        """
        part = matrix_RP[rows]
        return {
            name: part.narrow(-1, self._starts[name], shape.numel()).view(part.shape[:-1] + shape)
            for name, shape in self.shapes.items()
        }

    def state_dict(self, row: int) -> dict[str, Tensor]:
        """Return the parameters and buffers of one replicate, named as in the network's `state_dict`."""
        weights = {name: view.detach() for name, view in self.views(self.weights_RP, row).items()}
        return {**weights, **{name: buffer[row] for name, buffer in self.buffers.items()}}

    def set_mode(self, *, training: bool, dropout: bool = False) -> None:
        """Put the network in training or evaluation mode, and its dropout separately."""
        if self.network.training != training:
            self.network.train(training)
        for module in self._dropouts:
            module.train(dropout)


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _on_meta(network: nn.Module) -> nn.Module:
    """Copy a network without the values of its tensors. Unlike `to("meta")`, this keeps tied parameters tied."""
    empty: dict[int, Any] = {id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in network.parameters()}
    return copy.deepcopy(network, empty | {id(b): b.to("meta") for b in network.buffers()})
