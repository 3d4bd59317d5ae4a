"""How much of the gradient the values of attention get."""

from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.weight_grad import of_layer


def value_grad(probe: Probe) -> Tensor | None:
    """‖∂ℓ/∂W_v‖ of the weights that make values, block by block, (R, L); NaN in blocks without attention.

    Unit: nats by the unit of a weight. Cost: none beyond the pass. Noci 2022 (2206.03126), section 3.
    """
    return of_layer(probe, "v", 2)
