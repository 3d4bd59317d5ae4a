"""The direction that the network stretches most."""

from torch import Tensor

from resexp.diagnostics.jacobian import Jacobian, exact
from resexp.diagnostics.probe import Probe


def jacobian_max(probe: Probe) -> Tensor:
    """σ_max of ∂h_L/∂h_0, the mean over up to 4 inputs, (R,): exact to width 128, else by 20 power iterations.

    Unit: 1. Cost: a backward pass for each unit of the stream, or 40. Pennington 2017 (1711.04735).
    """
    values = exact(probe)
    return (Jacobian(probe).largest() if values is None else values[..., 0]).mean(1)
