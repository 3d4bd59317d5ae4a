"""One training step of a pack up to the optimizer: forward, backward, gradient clipping."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from resexp.engine.pack import CHUNK, Pack

# Shapes: R replicates, P parameters of one replicate, B batch, T tokens.

SQUARABLE = (1e-12, 1e12)
"""Range of gradient norms whose sums of squares neither underflow nor overflow in float32."""


def loss_and_accuracy(
    network: nn.Module, params: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Return one replicate's mean cross-entropy in nats and its accuracy on x (B, *shape), y (B,) or (B, T)."""
    logits = functional_call(network, (params, buffers), (x,))
    logits, y = logits.flatten(0, -2), y.flatten()
    return F.cross_entropy(logits, y), (logits.argmax(-1) == y).to(logits.dtype).mean()


def group_metrics(pack: Pack, network: nn.Module, in_dims: tuple[int | None, ...]) -> Callable[..., tuple[Tensor, ...]]:
    """Return `loss_and_accuracy` as a function of (params, buffers, x, y) of a replicate group.

    Args:
        pack: its mode decides whether the function is vmapped.
        network: called with the parameters and buffers.
        in_dims: the axis R of each of the four arguments under vmap, as in `torch.func.vmap`.

    """
    metrics = partial(loss_and_accuracy, network)
    return vmap(metrics, in_dims) if pack.mode == "vmap" else metrics


def forward_backward(pack: Pack, network: nn.Module, x_RB: Tensor, y_RB: Tensor) -> Tensor:
    """Write the gradients of each replicate's loss on its own batch to `grads_RP`.

    Args:
        pack: holds parameters, buffers and gradients.
        network: the pack's network or a copy of it.
        x_RB, y_RB: standardized inputs and targets.

    Returns:
        Loss and accuracy of each replicate, (2, R).

    """
    metrics_2R = pack.weights_RP.new_empty(2, len(pack))
    metrics = group_metrics(pack, network, (0, 0, 0, 0))
    for group in pack.groups:
        loss, accuracy = metrics(group.params, group.buffers, x_RB[group.rows], y_RB[group.rows])
        grads = torch.autograd.grad(loss.sum(), tuple(group.params.values()), materialize_grads=True)
        for view, grad in zip(group.grads, grads, strict=True):
            view.copy_(grad)
        metrics_2R[0, group.rows], metrics_2R[1, group.rows] = loss.detach(), accuracy
    return metrics_2R


def clip_gradients(pack: Pack, max_norm: float | None) -> Tensor:
    """Scale down the gradients of each replicate whose norm exceeds `max_norm`; return the norms before, (R,)."""
    norm_R = _row_norms(pack.grads_RP)
    if pack.device.type == "cpu":  # elsewhere reading a value would wait for the device
        unsafe = (~((norm_R > SQUARABLE[0]) & (norm_R < SQUARABLE[1]))).nonzero().flatten()
    else:
        unsafe = torch.arange(len(pack), device=pack.device)
    if len(unsafe):
        rows = pack.grads_RP[unsafe]
        peak = rows.abs().amax(1).clamp_min(torch.finfo(rows.dtype).tiny)
        norm_R[unsafe] = _row_norms(rows / peak[:, None]) * peak
    if max_norm is not None:
        pack.grads_RP *= (max_norm / (norm_R + 1e-6)).clamp(max=1.0)[:, None]
    return norm_R


def _row_norms(matrix_RP: Tensor) -> Tensor:
    """Return the norm of each row, (R,), in an order of summation that depends only on its length."""
    chunks = matrix_RP.view(len(matrix_RP), -1, CHUNK)
    norm_R: Tensor = torch.linalg.vector_norm(torch.linalg.vector_norm(chunks, dim=-1), dim=-1)
    return norm_R
