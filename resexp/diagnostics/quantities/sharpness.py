"""The curvature of the loss."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe, replicate_norms

# Shapes: R replicates, P parameters of one replicate, K iterations.

MAX_INPUTS, ITERATIONS, NOISE = 32, 8, 0.1


def sharpness(probe: Probe) -> Tensor:
    """Largest eigenvalue λ_max of the Hessian of the loss on up to 32 inputs, a lower bound by 8 Lanczos iterations.

    They start from the gradient, which has large components along directions of high curvature, plus a tenth of noise.
    Ten power iterations give a looser bound, and find the most negative eigenvalue if it is larger in size. Full-batch
    gradient descent is unstable above 2/η, and with heavy-ball momentum above 2(1 + β)/η.

    Shape: (R,).
    Unit: nats per squared unit of a weight.
    Cost: about 16 backward passes on half of the batch.
    Reference: Cohen 2021 (2103.00065).
    """
    return _largest_curvature(probe)


def preconditioned_sharpness(probe: Probe) -> Tensor | None:
    """Largest eigenvalue of the Hessian as Adam preconditions it, λ_max of P^(−½) H P^(−½).

    H is that of `sharpness`, and P = √v̂ + ε that of the step made from the measured weights, or of the last step at the
    end of training. Full-batch Adam is unstable above (2 + 2β₁)/((1 − β₁)η), 38/η for β₁ = 0.9. Weights whose gradients
    have always been close to 0, so that P is hardly more than ε, contribute most. None unless Adam or AdamW trains.

    Shape: (R,).
    Unit: nats per squared unit of an update.
    Cost: that of `sharpness`.
    Reference: Cohen 2022 (2207.14484), section 3.
    """
    divisors = probe.preconditioner()
    return _largest_curvature(probe, {name: p.rsqrt() for name, p in divisors.items()}) if divisors else None


def _largest_curvature(probe: Probe, scale: Mapping[str, Tensor] | None = None) -> Tensor:
    """Return λ_max of S H S, (R,), with H the Hessian and S diagonal: `scale` by parameter, or 1."""

    def scaled(v_RP: Tensor) -> Tensor:
        return v_RP if scale_RP is None else scale_RP * v_RP

    probe = probe.first_samples(MAX_INPUTS)
    params = probe.leaves()
    leaves = [*params.values()]
    scale_RP = _flatten([scale[name] for name in params]) if scale else None
    loss = probe.losses(probe.run(params).output).sum()
    grads = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
    residual_RP = _start(scaled(_flatten(grads).detach()), probe.generator("sharpness"))
    previous_RP, norms, alphas = torch.zeros_like(residual_RP), [replicate_norms(residual_RP)], []
    v_RP = _divide(residual_RP, norms[0])
    for _ in range(ITERATIONS):
        residual_RP = scaled(_flatten(_hessian_product(grads, leaves, scaled(v_RP))))
        alphas.append(torch.linalg.vecdot(residual_RP, v_RP).double())
        residual_RP.addcmul_(v_RP, alphas[-1].to(v_RP)[:, None], value=-1)
        residual_RP.addcmul_(previous_RP, norms[-1].to(v_RP)[:, None], value=-1)
        norms.append(replicate_norms(residual_RP))
        previous_RP, v_RP = v_RP, _divide(residual_RP, norms[-1])
    return _largest_eigenvalue(torch.stack(alphas, 1), torch.stack(norms[1:-1], 1))


def _start(grad_RP: Tensor, generator: torch.Generator) -> Tensor:
    noise_RP = torch.randn(grad_RP.shape[1:], generator=generator, dtype=grad_RP.dtype).to(grad_RP.device)[None]
    return _divide(grad_RP, replicate_norms(grad_RP)) + NOISE * _divide(noise_RP, replicate_norms(noise_RP))


def _hessian_product(grads: tuple[Tensor, ...], leaves: list[Tensor], v_RP: Tensor) -> tuple[Tensor, ...]:
    """Return H v by parameter."""
    parts = v_RP.split([p[0].numel() for p in leaves], 1)
    along = [(g, part.view_as(g)) for g, part in zip(grads, parts, strict=True) if g.requires_grad]
    outputs, cotangents = zip(*along, strict=True)
    return torch.autograd.grad(outputs, leaves, cotangents, retain_graph=True, materialize_grads=True)


def _flatten(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.reshape(len(part), -1) for part in parts], 1)


def _divide(v_RP: Tensor, norm_R: Tensor) -> Tensor:
    return v_RP / norm_R.to(v_RP)[:, None].clamp_min(torch.finfo(v_RP.dtype).tiny)


def _largest_eigenvalue(diagonal_RK: Tensor, off_diagonal_RK: Tensor) -> Tensor:
    """Return the largest eigenvalue of symmetric tridiagonal matrices, (R,); NaN if a matrix is not finite."""
    off_diagonal = torch.diag_embed(off_diagonal_RK, 1)
    matrix_RKK = torch.diag_embed(diagonal_RK) + off_diagonal + off_diagonal.mT
    finite_R = matrix_RKK.isfinite().flatten(1).all(1)
    values: Tensor = torch.linalg.eigvalsh(matrix_RKK.nan_to_num(0.0, 0.0, 0.0))[:, -1]
    return values.where(finite_R, torch.nan)
