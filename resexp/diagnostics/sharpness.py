"""The curvature of the loss."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.stream_rms import row_norms

# Shapes: R replicates, P parameters of one, K iterations.

INPUTS, ITERATIONS, NOISE = 32, 8, 0.1


def sharpness(probe: Probe) -> Tensor:
    """λ_max of the Hessian of the loss on ≤ 32 probe inputs, (R,): the largest Ritz value of 8 Lanczos iterations.

    A lower bound. They start from the gradient, which leans to where the loss is curved, and a tenth of noise. Power
    iterations come less close, and to the other end where that is larger in size.
    Full-batch gradient descent is unstable above 2/η, with heavy ball above 2(1 + β)/η. Unit: nats by the square of a
    weight's. Cost: about 16 backward passes on half of the batch. Cohen 2021 (2103.00065).
    """
    probe = probe.few(INPUTS)
    params = probe.leaves()
    leaves, sizes = [*params.values()], [p[0].numel() for p in params.values()]
    loss = probe.losses(probe.run(params).output).sum()
    grad_RP = _flat(torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True))
    generator = probe.generator("sharpness")
    noise_RP = torch.cat([torch.randn(size, generator=generator, dtype=grad_RP.dtype) for size in sizes])
    noise_RP = noise_RP.to(grad_RP.device).expand_as(grad_RP)
    rest_RP = _over(grad_RP.detach(), row_norms(grad_RP.detach())) + NOISE * _over(noise_RP, row_norms(noise_RP))
    last_RP, norms, alphas = torch.zeros_like(rest_RP), [row_norms(rest_RP)], []
    v_RP = _over(rest_RP, norms[0])
    for _ in range(ITERATIONS):
        slope = (grad_RP * v_RP).sum()
        hv_RP = _flat(torch.autograd.grad(slope, leaves, retain_graph=True, materialize_grads=True))
        alphas.append((hv_RP * v_RP).sum(1).double())
        rest_RP = hv_RP - alphas[-1].to(hv_RP)[:, None] * v_RP - norms[-1].to(hv_RP)[:, None] * last_RP
        norms.append(row_norms(rest_RP))
        last_RP, v_RP = v_RP, _over(rest_RP, norms[-1])
    return _largest(torch.stack(alphas, 1), torch.stack(norms[1:-1], 1))


def _flat(parts: tuple[Tensor, ...]) -> Tensor:
    return torch.cat([part.reshape(len(part), -1) for part in parts], 1)


def _over(v_RP: Tensor, norm_R: Tensor) -> Tensor:
    return v_RP / norm_R.to(v_RP)[:, None].clamp_min(torch.finfo(v_RP.dtype).tiny)


def _largest(diagonal_RK: Tensor, beside_RK: Tensor) -> Tensor:
    """The largest eigenvalue of symmetric tridiagonal matrices, (R,); NaN where one is not finite."""
    beside = torch.diag_embed(beside_RK, 1)
    matrix_RKK = torch.diag_embed(diagonal_RK) + beside + beside.mT
    finite_R = matrix_RKK.isfinite().flatten(1).all(1)
    values: Tensor = torch.linalg.eigvalsh(matrix_RKK.nan_to_num(0.0, 0.0, 0.0))[:, -1]
    return values.where(finite_R, torch.nan)
