"""The curvature of the loss."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.stream_rms import row_norms

# Shapes: R replicates, P parameters of one, K iterations.

INPUTS, ITERATIONS, NOISE = 32, 8, 0.1


def sharpness(probe: Probe) -> Tensor:
    """λ_max of the Hessian of the loss on ≤ 32 probe inputs, (R,): the largest Ritz value of 8 Lanczos iterations.

    A lower bound. They start from the gradient, which leans to where the loss is curved, and a tenth of noise. Ten
    power iterations come less close, and to the other end of the spectrum where that is larger in size.
    Full-batch gradient descent is unstable above 2/η, with heavy ball above 2(1 + β)/η. Unit: nats by the square of a
    weight's. Cost: about 16 backward passes on half of the batch. Cohen 2021 (2103.00065).
    """
    return largest_curvature(probe)


def largest_curvature(probe: Probe, scale: Mapping[str, Tensor] | None = None) -> Tensor:
    """λ_max of S H S, (R,), H the Hessian and S diagonal: `scale`, by parameter, or 1."""

    def scaled(v_RP: Tensor) -> Tensor:
        return v_RP if scale_RP is None else scale_RP * v_RP

    probe = probe.few(INPUTS)
    params = probe.leaves()
    leaves = [*params.values()]
    scale_RP = _flat([scale[name] for name in params]) if scale else None
    loss = probe.losses(probe.run(params).output).sum()
    grads = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
    rest_RP = _start(scaled(_flat(grads).detach()), probe.generator("sharpness"))
    last_RP, norms, alphas = torch.zeros_like(rest_RP), [row_norms(rest_RP)], []
    v_RP = _over(rest_RP, norms[0])
    for _ in range(ITERATIONS):
        rest_RP = scaled(_flat(_pulled(grads, leaves, scaled(v_RP))))
        alphas.append(torch.linalg.vecdot(rest_RP, v_RP).double())
        rest_RP.addcmul_(v_RP, alphas[-1].to(v_RP)[:, None], value=-1)
        rest_RP.addcmul_(last_RP, norms[-1].to(v_RP)[:, None], value=-1)
        norms.append(row_norms(rest_RP))
        last_RP, v_RP = v_RP, _over(rest_RP, norms[-1])
    return _largest(torch.stack(alphas, 1), torch.stack(norms[1:-1], 1))


def _start(grad_RP: Tensor, generator: torch.Generator) -> Tensor:
    noise_RP = torch.randn(grad_RP.shape[1:], generator=generator, dtype=grad_RP.dtype).to(grad_RP.device)[None]
    return _over(grad_RP, row_norms(grad_RP)) + NOISE * _over(noise_RP, row_norms(noise_RP))


def _pulled(grads: tuple[Tensor, ...], leaves: list[Tensor], v_RP: Tensor) -> tuple[Tensor, ...]:
    """H v, parameter by parameter."""
    parts = v_RP.split([p[0].numel() for p in leaves], 1)
    along = [(g, part.view_as(g)) for g, part in zip(grads, parts, strict=True) if g.requires_grad]
    outputs, cotangents = zip(*along, strict=True)
    return torch.autograd.grad(outputs, leaves, cotangents, retain_graph=True, materialize_grads=True)


def _flat(parts: Sequence[Tensor]) -> Tensor:
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
