"""Norms of the gradient of the loss."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe, replicate_norms


def stream_grad(probe: Probe) -> Tensor:
    """Gradient norm of the stream over the whole batch, ‖∂ℓ/∂h_l‖, ℓ the mean loss.

    Shape: (R, L + 1), l = 0 … L.
    Unit: nats per unit of the stream.
    Cost: none beyond the shared pass.
    Reference: Schoenholz 2017 (1611.01232), section 4.
    """
    return torch.stack([replicate_norms(grad) for grad in probe.stream_grads], 1)


def weight_grad(probe: Probe) -> Tensor:
    """Gradient norm of all weight matrices of a block, ‖∂ℓ/∂W_l‖; NaN in blocks without any.

    Shape: (R, L), l = 1 … L.
    Unit: nats per unit of a weight.
    Cost: none beyond the shared pass.
    Reference: Glorot 2010, section 4.2.
    """
    return probe.block_norms([[*_matrix_grads(probe, number).values()] for number in range(len(probe.blocks))])


def query_grad(probe: Probe) -> Tensor | None:
    """Gradient norm of the query weights of a block, ‖∂ℓ/∂W_q‖; NaN in blocks without attention.

    Shape: (R, L), l = 1 … L.
    Unit: nats per unit of a weight.
    Cost: none beyond the shared pass.
    Reference: Noci 2022 (2206.03126), section 3.
    """
    return _projection_norms(probe, "q", 0)


def key_grad(probe: Probe) -> Tensor | None:
    """Gradient norm of the key weights of a block, ‖∂ℓ/∂W_k‖; NaN in blocks without attention.

    Shape: (R, L), l = 1 … L.
    Unit: nats per unit of a weight.
    Cost: none beyond the shared pass.
    Reference: Noci 2022 (2206.03126), section 3.
    """
    return _projection_norms(probe, "k", 1)


def value_grad(probe: Probe) -> Tensor | None:
    """Gradient norm of the value weights of a block, ‖∂ℓ/∂W_v‖; NaN in blocks without attention.

    Shape: (R, L), l = 1 … L.
    Unit: nats per unit of a weight.
    Cost: none beyond the shared pass.
    Reference: Noci 2022 (2206.03126), section 3.
    """
    return _projection_norms(probe, "v", 2)


def _projection_norms(probe: Probe, name: str, third: int) -> Tensor | None:
    """Return the gradient norms of one projection of attention, (R, L); None if no block has it.

    Args:
        probe: holds the gradients.
        name: the linear layers `name` and `name_proj` are such a projection,
        third: and so is this third of an `in_proj_weight`.

    """
    blocks = []
    for number in range(len(probe.blocks)):
        grads = {path: (path.split(".")[-2:], grad) for path, grad in _matrix_grads(probe, number).items()}
        parts = [grad for end, grad in grads.values() if end in ([name, "weight"], [f"{name}_proj", "weight"])]
        parts += [grad.chunk(3, 1)[third] for end, grad in grads.values() if end[-1] == "in_proj_weight"]
        blocks.append(parts)
    return probe.block_norms(blocks) if any(blocks) else None


def _matrix_grads(probe: Probe, number: int) -> dict[str, Tensor]:
    return {name: probe.grads[f"{probe.blocks[number]}.{name}"] for name in probe.weight_matrices(number)}
