"""What the network does to a direction drawn at random."""

from torch import Tensor

from resexp.diagnostics.jacobian import Jacobian, exact, root_mean_square
from resexp.diagnostics.probe import Probe


def jacobian_rms(probe: Probe) -> Tensor:
    """‖∂h_L/∂h_0‖_F/√n, the mean over up to 4 inputs, (R,): exact to width 128, else by 8 random cotangents.

    Unit: 1; 1 under dynamical isometry. Cost: none beyond that of the exact σ_max, or 8 backward passes.
    Pennington 2017 (1711.04735).
    """
    values = exact(probe)
    return (Jacobian(probe).rms() if values is None else root_mean_square(values)).mean(1)
