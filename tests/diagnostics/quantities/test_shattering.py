"""The autocorrelation of gradients along a line."""

import numpy as np
import torch

from resexp.diagnostics.quantities.shattering import LAG, POINTS, shattering
from tests.diagnostics.helpers import assert_close


def test_shattering_is_the_autocorrelation_of_slopes_along_a_line(make_probe):
    network, probe = make_probe()
    weights = torch.randn(8, generator=probe.generator("shattering"), dtype=torch.float64)
    first, last = network.stem(probe.x.flatten(1)).detach()[:2]
    slopes = []
    for t in np.linspace(0, 1, POINTS):
        position = torch.tensor(t, requires_grad=True)
        h = network.blocks((first + position * (last - first))[None])[0]
        slopes.append(torch.autograd.grad(h @ weights, position)[0].item())
    d = np.array(slopes) - np.mean(slopes)
    assert_close(shattering(probe), [(d[LAG:] * d[:-LAG]).sum() / (d * d).sum()], rtol=1e-6)


def test_the_autocorrelation_of_a_linear_network_is_1(make_probe):
    assert_close(shattering(make_probe("norm=none", "activation=identity")[1]), [1.0])
