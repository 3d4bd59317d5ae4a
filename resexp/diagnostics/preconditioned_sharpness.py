"""The curvature of the loss as Adam sees it."""

from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.sharpness import largest_curvature


def preconditioned_sharpness(probe: Probe) -> Tensor | None:
    """λ_max of P^(−½) H P^(−½), (R,), H as of `sharpness` and P = √v̂ + ε that of the training step beside the look.

    Full-batch Adam is unstable above (2 + 2β₁)/((1 − β₁)η), 38/η at β₁ = 0.9. Weights whose gradients have always been
    near 0, where P is hardly more than ε, weigh most. None where it is not Adam that trains. Unit: nats by the square
    of an update's. Cost: that of `sharpness`. Cohen 2022 (2207.14484), section 3.
    """
    divisors = probe.preconditioner()
    return largest_curvature(probe, {name: p.rsqrt() for name, p in divisors.items()}) if divisors else None
