"""How far a step of gradient descent moves the network as a function."""

import math

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.stream_rms import row_norms


def one_step(probe: Probe) -> Tensor:
    """RMS(f_{θ−ηg} − f_θ)/η over the logits of the probe batch, g = ∂ℓ/∂θ on it, η the learning rate, (R,).

    Unit: logits. Cost: a forward pass. Zhang 2019 (1901.09321), section 2; Wang 2022 (2203.00555), section 3.
    """
    before, moved = probe.trace.output, {n: p.add(probe.grads[n], alpha=-probe.lr) for n, p in probe.params.items()}
    with torch.no_grad():
        after = probe.run(moved).output
    return row_norms(after - before) / (probe.lr * math.sqrt(before[0].numel()))
