"""What the network does to most directions."""

from torch import Tensor

from resexp.diagnostics.jacobian import exact
from resexp.diagnostics.probe import Probe


def jacobian_median(probe: Probe) -> Tensor | None:
    """The median singular value of ∂h_L/∂h_0, the mean over up to 4 inputs, (R,); None above width 128.

    Unit: 1. Cost: none beyond that of the exact σ_max. Pennington 2017 (1711.04735).
    """
    values = exact(probe)
    return None if values is None else values.quantile(0.5, dim=2).mean(1)
