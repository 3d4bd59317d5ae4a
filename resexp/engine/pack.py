"""The memory layout of R replicates of one cell."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from resexp.engine.known_code import unknown_code
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
        unknown_code: why the code of the network is not known to be pure, or None.
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
        networks = [cast(initialize(make_network, seed, initializer), dtype) for seed in seeds]
        self._trained = {name: p.detach().to("meta") for name, p in _trained(networks[0])}
        self._starts, size = {}, 0
        for name, parameter in self._trained.items():
            self._starts[name] = size
            size += _round_up(parameter.numel() * (2 if parameter.is_complex() else 1), ALIGNMENT)
        self.weights_RP = torch.zeros(len(seeds), _round_up(size, CHUNK), device=device, dtype=dtype)
        self.grads_RP = torch.zeros_like(self.weights_RP)
        for r, network in enumerate(networks):
            for view, (_, parameter) in zip(self.views(self.weights_RP, r).values(), _trained(network), strict=True):
                view.copy_(parameter.detach())
        buffers = [_untrained(network) for network in networks]
        self.buffers = {name: torch.stack([b[name] for b in buffers]).to(device) for name in buffers[0]}
        self._state_names = _state_names(networks[0])
        self.unknown_code = unknown_code(networks[0])
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
        return sum(parameter.numel() for parameter in self._trained.values())

    def views(self, matrix_RP: Tensor, rows: Rows) -> dict[str, Tensor]:
        """Return a view of each parameter's columns in some rows of a matrix laid out like `weights_RP`.

        A view has the shape of the parameter, after the axis R if `rows` is a slice. A complex parameter takes two
        columns for each value.
        """
        part = matrix_RP[rows]
        return {
            name: _view(part, self._starts[name], parameter.shape, parameter.is_complex())
            for name, parameter in self._trained.items()
        }

    def state_dict(self, row: int) -> dict[str, Tensor]:
        """Return what one replicate's network returns as its `state_dict`, shared parameters under each name."""
        values = {name: view.detach() for name, view in self.views(self.weights_RP, row).items()}
        values |= {name: buffer[row] for name, buffer in self.buffers.items()}
        return {key: values[name] for key, name in self._state_names.items()}

    def set_mode(self, *, training: bool, dropout: bool = False) -> None:
        """Put the network in training or evaluation mode, and its dropout separately."""
        if self.network.training != training:
            self.network.train(training)
        for module in self._dropouts:
            module.train(dropout)


def cast(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Convert a network to a precision, in place.

    Real parameters get `dtype`, complex ones the complex type of that precision, and so do buffers, except that float64
    and complex128 buffers, which their author made so, keep their type. Integers keep theirs.
    """
    wide = (torch.float64, torch.complex128)
    buffers = {id(buffer) for buffer in network.buffers() if buffer.dtype in wide}

    def convert(tensor: Tensor) -> Tensor:
        if id(tensor) in buffers or not (tensor.is_floating_point() or tensor.is_complex()):
            return tensor
        return tensor.to(dtype.to_complex() if tensor.is_complex() else dtype)

    network._apply(convert)
    return network


def _trained(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield the parameters that require a gradient, with their names; a shared one once."""
    return ((name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad)


def _untrained(network: nn.Module) -> dict[str, Tensor]:
    """Return the buffers of a network and its frozen parameters."""
    frozen = {name: p.detach() for name, p in network.named_parameters() if not p.requires_grad}
    return {**dict(network.named_buffers()), **frozen}


def _state_names(network: nn.Module) -> dict[str, str]:
    """Map each key of a network's `state_dict` to the name under which its tensor is iterated, the first of several."""
    names = {id(tensor): name for name, tensor in (*network.named_parameters(), *network.named_buffers())}
    state = network.state_dict(keep_vars=True)
    return {key: names[id(tensor)] for key, tensor in state.items() if id(tensor) in names}  # without extra state


def _view(matrix: Tensor, start: int, shape: torch.Size, is_complex: bool) -> Tensor:
    """View the columns of a parameter from `start` on, in its shape behind the other axes of `matrix`."""
    if not is_complex:
        return matrix.narrow(-1, start, shape.numel()).view(matrix.shape[:-1] + shape)
    return torch.view_as_complex(matrix.narrow(-1, start, 2 * shape.numel()).view(matrix.shape[:-1] + shape + (2,)))


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _on_meta(network: nn.Module) -> nn.Module:
    """Copy a network without the values of its tensors. Unlike `to("meta")`, this keeps tied parameters tied."""
    empty: dict[int, Any] = {id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in network.parameters()}
    return copy.deepcopy(network, empty | {id(b): b.to("meta") for b in network.buffers()})
