"""The change of the network's function in one step of gradient descent."""

import math

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe, replicate_norms


def one_step(probe: Probe) -> Tensor:
    """Change of the output per learning rate in a step of gradient descent, RMS(f_{θ−ηg} − f_θ)/η.

    Both the gradient g = ∂ℓ/∂θ and the RMS are those of the probe batch; η is the learning rate.

    Shape: (R,).
    Unit: logits.
    Cost: a forward pass.
    Reference: Zhang 2019 (1901.09321), section 2; Wang 2022 (2203.00555), section 3.
    """
    before, moved = probe.trace.output, {n: p.add(probe.grads[n], alpha=-probe.lr) for n, p in probe.params.items()}
    with torch.no_grad():
        after = probe.run(moved).output
    return replicate_norms(after - before) / (probe.lr * math.sqrt(before[0].numel()))
