"""The curvature of the loss."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.weight_grad import together

INPUTS, ITERATIONS = 32, 10


def sharpness(probe: Probe) -> Tensor:
    """The largest eigenvalue, in size, of the Hessian of the loss on ≤ 32 probe inputs, by 10 power iterations, (R,).

    Full-batch gradient descent is unstable above 2/η, with heavy ball above 2(1 + β)/η. Unit: nats by the square of a
    weight's. Cost: about 20 backward passes on half of the batch. Cohen 2021 (2103.00065).
    """
    probe = probe.few(INPUTS)
    params = probe.leaves()
    loss = probe.losses(probe.run(params).output).sum()
    leaves = [*params.values()]
    grads = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
    generator = probe.generator("sharpness")
    v = [torch.randn(p.shape[1:], generator=generator, dtype=p.dtype).to(p.device).expand_as(p) for p in leaves]
    for _ in range(ITERATIONS):
        size = together(probe, v).clamp_min(torch.finfo(torch.float32).tiny)
        v = [part / size.to(part.dtype).view(-1, *(1 for _ in part.shape[1:])) for part in v]
        slope = sum((grad * part).sum() for grad, part in zip(grads, v, strict=True))
        assert isinstance(slope, Tensor)
        hv = torch.autograd.grad(slope, leaves, retain_graph=True, materialize_grads=True)
        rayleigh = sum((a.double() * b.double()).reshape(len(a), -1).sum(1) for a, b in zip(v, hv, strict=True))
        v = [*hv]
    assert isinstance(rayleigh, Tensor)
    return rayleigh
