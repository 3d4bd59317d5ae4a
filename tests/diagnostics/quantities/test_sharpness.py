"""Sharpness agrees with the eigenvalues of torch's Hessian."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.functional import hessian
from torch.func import functional_call

from resexp.diagnostics.probe import probe_of
from resexp.diagnostics.quantities.sharpness import preconditioned_sharpness, sharpness
from tests.diagnostics.helpers import assert_close


def small_network(make_probe, sign=1):
    """Return the parameters of a small network, a probe of it, and the Hessian."""
    network, probe = make_probe(
        "width=2", "depth=1", "activation=tanh", shape=(2, 2), batch=20, loss=lambda o, y: sign * F.cross_entropy(o, y)
    )
    params = dict(network.named_parameters())
    sizes = [p.numel() for p in params.values()]

    def loss(flat):
        parts = {n: v.view(p.shape) for (n, p), v in zip(params.items(), flat.split(sizes), strict=True)}
        return probe.loss(functional_call(network, parts, (probe.x,)), probe.y)

    return params, probe, hessian(loss, torch.cat([p.detach().flatten() for p in params.values()]))


@pytest.mark.parametrize("sign", [1, -1])
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(make_probe, sign):
    """Even if a negative eigenvalue is larger in size, as that of the negative loss."""
    _, probe, matrix = small_network(make_probe, sign)
    values = torch.linalg.eigvalsh(matrix)
    assert (values[-1] < values.abs().max()) == (sign < 0)
    assert sharpness(probe) <= values[-1] + 1e-9
    assert_close(sharpness(probe), [values[-1]], rtol=0.05)


def test_preconditioned_sharpness_is_the_largest_eigenvalue_of_the_scaled_hessian(make_probe):
    params, probe, matrix = small_network(make_probe)
    assert preconditioned_sharpness(probe) is None
    generator = torch.Generator().manual_seed(1)
    divisors = {n: torch.rand(1, *p.shape, generator=generator, dtype=p.dtype) + 0.1 for n, p in params.items()}
    scale = torch.cat([d.flatten() for d in divisors.values()]).rsqrt()
    expected = torch.linalg.eigvalsh(scale[:, None] * matrix * scale)[-1]
    assert_close(preconditioned_sharpness(replace(probe, preconditioner=lambda: divisors)), [expected], rtol=0.05)


def test_sharpness_ignores_a_parameter_without_a_gradient():
    network = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    network.register_parameter("unused", nn.Parameter(torch.ones(4, dtype=torch.float64)))
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1])
    assert sharpness(probe_of(network, x, y)) > 0
