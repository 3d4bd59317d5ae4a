"""Singular values agree with those of torch's Jacobian of each input."""

import numpy as np
import pytest
import torch
from torch.autograd.functional import jacobian

from resexp.diagnostics.quantities.jacobian import COTANGENTS, Jacobian, jacobian_max, jacobian_median, jacobian_rms
from tests.diagnostics.helpers import assert_close


def jacobian_of(network, probe, number):
    """Return the Jacobian of one input, with the others in the batch fixed."""
    h_0 = network.stem(probe.x.flatten(1) if hasattr(network.blocks[0].body.fc1, "in_features") else probe.x[:, None])

    def end(start):
        is_input = (torch.arange(len(h_0)) == number).view(-1, *(1 for _ in start.shape))
        h = torch.where(is_input, start, h_0.detach())
        return network.blocks(h)[number].flatten()

    return jacobian(end, h_0[number].detach()).flatten(1)


@pytest.mark.parametrize(("normalizer", "count"), [("layernorm", 4), ("batchnorm", 1)])
def test_singular_values_of_the_jacobian(make_probe, normalizer, count):
    network, probe = make_probe(f"normalizer={normalizer}")
    assert probe.mixes_samples == (normalizer == "batchnorm")
    values = np.stack([np.linalg.svd(jacobian_of(network, probe, n).numpy(), compute_uv=False) for n in range(count)])
    assert_close(jacobian_max(probe), [values[:, 0].mean()])
    assert_close(jacobian_median(probe), [np.median(values, axis=1).mean()])
    assert_close(jacobian_rms(probe), [np.sqrt((values**2).mean(1)).mean()])
    assert_close(Jacobian(probe).largest()[0], values[:, 0], rtol=0.02)


@pytest.mark.parametrize("normalizer", ["layernorm", "batchnorm"])
def test_the_jacobian_of_images_is_estimated(make_probe, normalizer):
    network, probe = make_probe("model=conv", "width=4", "depth=2", f"normalizer={normalizer}", batch=3)
    count = 1 if normalizer == "batchnorm" else 3
    values = np.stack([np.linalg.svd(jacobian_of(network, probe, n).numpy(), compute_uv=False) for n in range(count)])
    assert jacobian_median(probe) is None
    assert_close(jacobian_max(probe), [values[:, 0].mean()], rtol=0.02)
    squares = (values**2).sum(1)
    error = np.sqrt(2 * (values**4).sum(1) / COTANGENTS) / squares
    estimates = Jacobian(probe).rms()[0].detach().numpy() ** 2 * values.shape[1]
    assert (np.abs(estimates / squares - 1) < 4 * error).all()
