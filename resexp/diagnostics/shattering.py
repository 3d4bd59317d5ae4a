"""Whether gradients at neighboring inputs have anything to do with one another."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe

POINTS, LAG = 64, 5

CONSTANT = 1e-10
"""The square of the relative variation that may be rounding in float32."""


def shattering(probe: Probe) -> Tensor:
    """Autocorrelation at lag 5 of df/dt along a line through the stream h_0, in 64 points, (R,).

    f is a fixed random projection of h_L, the line leads from the first probe input to the second; where the stem is
    linear it is a line of inputs. 1: a smooth function; 0: white noise. Unit: 1. Cost: a forward and a backward pass.
    Balduzzi 2017 (1702.08591), section 2.
    """
    probe = probe.repeated(POINTS)
    taps = probe.taps()
    with torch.no_grad():
        h_0 = probe.run().streams[0]
    first, last = h_0[:, :1], h_0[:, 1:2]
    along = torch.linspace(0, 1, len(probe.x), dtype=h_0.dtype, device=h_0.device)
    line = first + along.view(1, -1, *(1 for _ in h_0.shape[2:])) * (last - first)
    taps[0] = (line - h_0).detach().requires_grad_()
    end = probe.run(taps=taps).streams[-1]
    weights = torch.randn(end.shape[2:], generator=probe.generator("shattering"), dtype=end.dtype).to(end.device)
    (grad,) = torch.autograd.grad((end * weights).sum(), taps[0])
    slope_RP = (grad.double() * (last - first).double()).flatten(2).sum(2)
    return autocorrelation(slope_RP, LAG)


def autocorrelation(series_RP: Tensor, lag: int) -> Tensor:
    """Σ d_p d_{p+lag}/Σ d_p², d the deviation from the mean, (R,); 1 of what is constant but for rounding."""
    series_RP = series_RP / series_RP.abs().amax(1, keepdim=True)
    d = series_RP - series_RP.mean(1, keepdim=True)
    variation = d.square().sum(1)
    is_constant = variation <= CONSTANT * series_RP.square().sum(1)
    return torch.where(is_constant, 1.0, (d[:, lag:] * d[:, :-lag]).sum(1) / variation)
