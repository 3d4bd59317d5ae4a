"""The autocorrelation of gradients at neighboring inputs."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe

# Shapes: R replicates, P points of the line.

POINTS, LAG = 64, 5

CONSTANT = 1e-10
"""A squared relative variation that rounding in float32 can cause."""


def shattering(probe: Probe) -> Tensor:
    """Autocorrelation at lag 5 of df/dt at 64 points of a line through h_0: 1 for a smooth function, 0 for white noise.

    f is a fixed random projection of h_L. The line leads from the first probe input to the second; if the stem is
    linear, it is a line of inputs.

    Shape: (R,).
    Unit: 1.
    Cost: a forward and a backward pass.
    Reference: Balduzzi 2017 (1702.08591), section 2.
    """
    probe = probe.repeated(POINTS)
    perturbations = probe.perturbations()
    with torch.no_grad():
        h_0 = probe.run().streams[0]
    first, last = h_0[:, :1], h_0[:, 1:2]
    t = torch.linspace(0, 1, len(probe.x), dtype=h_0.dtype, device=h_0.device)
    line = first + t.view(1, -1, *(1 for _ in h_0.shape[2:])) * (last - first)
    perturbations[0] = (line - h_0).detach().requires_grad_()
    end = probe.run(perturbations=perturbations).streams[-1]
    weights = torch.randn(end.shape[2:], generator=probe.generator("shattering"), dtype=end.dtype).to(end.device)
    (grad,) = torch.autograd.grad((end * weights).sum(), perturbations[0])
    slope_RP = (grad.double() * (last - first).double()).flatten(2).sum(2)
    return _autocorrelation(slope_RP, LAG)


def _autocorrelation(series_RP: Tensor, lag: int) -> Tensor:
    """Return Σ d_p d_{p+lag}/Σ d_p², (R,), d the deviation from the mean; 1 for a series constant up to rounding."""
    series_RP = series_RP / series_RP.abs().amax(1, keepdim=True)
    d = series_RP - series_RP.mean(1, keepdim=True)
    variation = d.square().sum(1)
    is_constant = variation <= CONSTANT * series_RP.square().sum(1)
    return torch.where(is_constant, 1.0, (d[:, lag:] * d[:, :-lag]).sum(1) / variation)
