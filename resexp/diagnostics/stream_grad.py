"""How much of the gradient reaches each layer."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.stream_rms import row_norms


def stream_grad(probe: Probe) -> Tensor:
    """‖∂ℓ/∂h_l‖ over the whole batch, ℓ its mean loss, l = 0 … L, (R, L + 1).

    Unit: nats by the unit of the stream. Cost: none beyond the pass. Schoenholz 2017 (1611.01232), section 4.
    """
    return torch.stack([row_norms(grad) for grad in probe.stream_grads], 1)
