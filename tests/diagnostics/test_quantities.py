"""Each quantity agrees with an independent computation of its definition, on small networks in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.functional import hessian, jacobian
from torch.func import functional_call

from resexp.diagnostics.probe import probe_of
from resexp.diagnostics.quantities.block_deletion import block_deletion
from resexp.diagnostics.quantities.branch_skip import branch_skip
from resexp.diagnostics.quantities.dead_fraction import dead_fraction
from resexp.diagnostics.quantities.gradients import query_grad, stream_grad, value_grad, weight_grad
from resexp.diagnostics.quantities.jacobian import COTANGENTS, Jacobian, jacobian_max, jacobian_median, jacobian_rms
from resexp.diagnostics.quantities.one_step import one_step
from resexp.diagnostics.quantities.sharpness import preconditioned_sharpness, sharpness
from resexp.diagnostics.quantities.shattering import LAG, POINTS, shattering
from resexp.diagnostics.quantities.similarity import effective_rank, pair_cosine, rank_residual
from resexp.diagnostics.quantities.stream_rms import stream_rms
from resexp.diagnostics.quantities.update_ratio import update_ratio
from resexp.nn.models import Task

BATCH = 6


@pytest.fixture
def make(build_network):
    """Return a function that builds a network in float64 and a probe of it."""

    def build(*overrides, shape=(4, 4), batch=BATCH, **fields):
        generator = torch.Generator().manual_seed(0)
        network = build_network("norm=pre", "width=8", "depth=3", *overrides, task=Task(shape, 5)).double()
        x = torch.randn(batch, *shape, generator=generator, dtype=torch.float64)
        y = torch.randint(5, (batch,), generator=generator)
        return network, probe_of(network, x, y, **fields)

    return build


def streams_of(network, probe):
    """Return h_0 … h_L of an MLP."""
    streams = [network.stem(probe.x.flatten(1))]
    for block in network.blocks:
        streams.append(block(streams[-1]))
    return streams


def head_loss(network, h, probe):
    return F.cross_entropy(network.head(network.final(h)), probe.y)


def assert_close(values, expected, rtol=1e-9):
    np.testing.assert_allclose(values.detach().numpy(), np.asarray(expected), rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("norm", ["pre", "post", "none"])
def test_sizes_and_gradients_of_the_streams(make, norm):
    network, probe = make(f"norm={norm}")
    streams = streams_of(network, probe)
    for h in streams:
        h.retain_grad()
    head_loss(network, streams[-1], probe).backward()
    assert_close(stream_rms(probe)[0], [h.detach().square().mean().sqrt() for h in streams])
    assert_close(stream_grad(probe)[0], [h.grad.norm() for h in streams])
    weights = [[block.body.fc1.weight.grad, block.body.fc2.weight.grad] for block in network.blocks]
    assert_close(weight_grad(probe)[0], [np.sqrt(sum(float(g.square().sum()) for g in both)) for both in weights])
    assert probe.params["blocks.0.body.fc1.weight"].grad is None


@pytest.mark.parametrize(("residual", "scale"), [("on", 1.0), ("scaled", 3**-0.5), ("off", None)])
def test_branch_skip_of_residual_schemes(make, residual, scale):
    network, probe = make(f"residual={residual}", "norm=post")
    expected = []
    for block, h in zip(network.blocks, streams_of(network, probe), strict=False):
        expected.append(np.inf if scale is None else scale * (block.body(h).norm() / h.norm()).item())
    assert_close(branch_skip(probe)[0], expected)


def test_branch_skip_of_other_blocks_is_the_relative_change_of_the_stream():
    torch.manual_seed(0)
    module = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(2)), nn.Linear(4, 3))
    x = torch.randn(5, 4)
    h = module[0](x)
    ratios = branch_skip(probe_of(module, x, torch.zeros(5, dtype=torch.int64)))[0]
    assert_close(ratios, [((h - x).norm() / x.norm()).item(), ((module[1](h) - h).norm() / h.norm()).item()], rtol=1e-5)


def test_dead_fraction_counts_units_with_negative_biases(make):
    network, probe = make()
    with torch.no_grad():
        for number, block in enumerate(network.blocks):
            block.body.fc1.weight.mul_(1e-3)
            block.body.fc1.bias[:] = 1.0
            block.body.fc1.bias[: 2 * number] = -1.0
    assert_close(dead_fraction(probe)[0], [0.0, 0.25, 0.5])
    assert dead_fraction(make("activation=tanh")[1]) is None


def test_cosine_rank_residual_and_effective_rank(make):
    network, probe = make()
    cosine, residual, rank = (quantity(probe)[0] for quantity in (pair_cosine, rank_residual, effective_rank))
    for layer, h in enumerate(streams_of(network, probe)):
        x = h.detach().numpy()
        units = x / np.linalg.norm(x, axis=1, keepdims=True)
        cosines = (units @ units.T)[~np.eye(BATCH, dtype=bool)]
        share = np.linalg.svd(x, compute_uv=False)
        share = share / share.sum()
        assert_close(cosine[layer], cosines.mean())
        assert_close(residual[layer], np.linalg.norm(x - x.mean(0)) / np.linalg.norm(x))
        assert_close(rank[layer], np.exp(-(share * np.log(share)).sum()), rtol=1e-6)


def test_the_cosine_of_sequences_compares_tokens(make):
    network, probe = make("model=transformer", "model.patch=2")
    h = probe.trace.streams[0][0]
    cosines = [F.cosine_similarity(t[:, None], t[None], dim=-1)[~torch.eye(4, dtype=bool)].mean() for t in h]
    assert_close(pair_cosine(probe)[0, 0], torch.stack(cosines).mean())
    assert len(network.blocks) + 1 == pair_cosine(probe).shape[1]


def test_gradients_of_query_and_value_weights(make):
    network, probe = make("model=transformer", "model.patch=2")
    F.cross_entropy(network(probe.x), probe.y).backward()
    for measure, name in ((query_grad, "q"), (value_grad, "v")):
        layers = [getattr(block.body, name, None) for block in network.blocks]
        expected = [np.nan if layer is None else layer.weight.grad.norm() for layer in layers]
        assert_close(measure(probe)[0], expected)


def test_the_value_gradient_of_an_in_projection_is_that_of_its_last_third():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, dtype=torch.float64)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x, y = torch.randn(2, 5, 8, dtype=torch.float64), torch.randint(8, (2, 5))
    F.cross_entropy(encoder(x).flatten(0, 1), y.flatten()).backward()
    expected = [layer.self_attn.in_proj_weight.grad[16:].norm() for layer in encoder.layers]
    assert_close(value_grad(probe_of(encoder, x, y))[0], expected)


def test_update_ratio_by_construction(make):
    _, probe = make()
    moved = {name: p * (1.5 if name.startswith("blocks.1.") else 1.0) for name, p in probe.params.items()}
    assert update_ratio(probe) is None
    assert_close(update_ratio(make(updated=moved)[1])[0], [0.0, 0.5, 0.0])


def jacobian_of(network, probe, number):
    """Return the Jacobian of one input, with the others in the batch fixed."""
    h_0 = network.stem(probe.x.flatten(1) if hasattr(network.blocks[0].body.fc1, "in_features") else probe.x[:, None])

    def end(start):
        is_input = (torch.arange(len(h_0)) == number).view(-1, *(1 for _ in start.shape))
        h = torch.where(is_input, start, h_0.detach())
        return network.blocks(h)[number].flatten()

    return jacobian(end, h_0[number].detach()).flatten(1)


@pytest.mark.parametrize(("normalizer", "count"), [("layernorm", 4), ("batchnorm", 1)])
def test_singular_values_of_the_jacobian(make, normalizer, count):
    network, probe = make(f"normalizer={normalizer}")
    assert probe.mixes_samples == (normalizer == "batchnorm")
    values = np.stack([np.linalg.svd(jacobian_of(network, probe, n).numpy(), compute_uv=False) for n in range(count)])
    assert_close(jacobian_max(probe), [values[:, 0].mean()])
    assert_close(jacobian_median(probe), [np.median(values, axis=1).mean()])
    assert_close(jacobian_rms(probe), [np.sqrt((values**2).mean(1)).mean()])
    assert_close(Jacobian(probe).largest()[0], values[:, 0], rtol=0.02)


@pytest.mark.parametrize("normalizer", ["layernorm", "batchnorm"])
def test_the_jacobian_of_images_is_estimated(make, normalizer):
    network, probe = make("model=conv", "width=4", "depth=2", f"normalizer={normalizer}", batch=3)
    count = 1 if normalizer == "batchnorm" else 3
    values = np.stack([np.linalg.svd(jacobian_of(network, probe, n).numpy(), compute_uv=False) for n in range(count)])
    assert jacobian_median(probe) is None
    assert_close(jacobian_max(probe), [values[:, 0].mean()], rtol=0.02)
    squares = (values**2).sum(1)
    error = np.sqrt(2 * (values**4).sum(1) / COTANGENTS) / squares
    estimates = Jacobian(probe).rms()[0].detach().numpy() ** 2 * values.shape[1]
    assert (np.abs(estimates / squares - 1) < 4 * error).all()


def test_one_step_agrees_with_a_step_of_gradient_descent(make):
    network, probe = make(lr=0.1)
    before = network(probe.x)
    F.cross_entropy(before, probe.y).backward()
    moved = {name: p - 0.1 * p.grad for name, p in network.named_parameters()}
    expected = (functional_call(network, moved, (probe.x,)) - before).square().mean().sqrt() / 0.1
    assert_close(one_step(probe), [expected.item()], rtol=1e-7)


def small_network(make, sign=1):
    """Return the parameters of a small network, a probe of it, and the Hessian."""
    network, probe = make(
        "width=2", "depth=1", "activation=tanh", shape=(2, 2), batch=20, loss=lambda o, y: sign * F.cross_entropy(o, y)
    )
    params = dict(network.named_parameters())
    sizes = [p.numel() for p in params.values()]

    def loss(flat):
        parts = {n: v.view(p.shape) for (n, p), v in zip(params.items(), flat.split(sizes), strict=True)}
        return probe.loss(functional_call(network, parts, (probe.x,)), probe.y)

    return params, probe, hessian(loss, torch.cat([p.detach().flatten() for p in params.values()]))


@pytest.mark.parametrize("sign", [1, -1])
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(make, sign):
    """Even if a negative eigenvalue is larger in size, as that of the negative loss."""
    _, probe, matrix = small_network(make, sign)
    values = torch.linalg.eigvalsh(matrix)
    assert (values[-1] < values.abs().max()) == (sign < 0)
    assert sharpness(probe) <= values[-1] + 1e-9
    assert_close(sharpness(probe), [values[-1]], rtol=0.05)


def test_preconditioned_sharpness_is_the_largest_eigenvalue_of_the_scaled_hessian(make):
    params, probe, matrix = small_network(make)
    assert preconditioned_sharpness(probe) is None
    generator = torch.Generator().manual_seed(1)
    divisors = {n: torch.rand(1, *p.shape, generator=generator, dtype=p.dtype) + 0.1 for n, p in params.items()}
    scale = torch.cat([d.flatten() for d in divisors.values()]).rsqrt()
    expected = torch.linalg.eigvalsh(scale[:, None] * matrix * scale)[-1]
    assert_close(preconditioned_sharpness(replace(probe, preconditioner=lambda: divisors)), [expected], rtol=0.05)


def test_a_stream_without_a_gradient_and_a_batch_of_one_raise_no_error(make):
    """Neither shows whether the inputs depend on each other."""

    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x):
            return self.linear(x.detach()).relu()

    x, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1])
    detached = probe_of(nn.Sequential(Detached(), Detached()).double(), x, y)
    assert sharpness(detached).isfinite().all()
    assert block_deletion(detached).isfinite().all()
    normed = nn.Sequential(*(nn.Sequential(nn.Linear(3, 3), Center()) for _ in range(2))).double()
    assert jacobian_max(probe_of(normed, x[:1], y[:1])) < 1e-12  # a single sample is its own mean


class Center(nn.Module):
    """Subtracts the mean over the batch."""

    def forward(self, x):
        return x - x.mean(0)


def test_sharpness_ignores_a_parameter_without_a_gradient():
    network = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    network.register_parameter("unused", nn.Parameter(torch.ones(4, dtype=torch.float64)))
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1])
    assert sharpness(probe_of(network, x, y)) > 0


def test_block_deletion_agrees_with_replacing_blocks_by_the_identity(make):
    network, probe = make()
    complete, expected = F.cross_entropy(network(probe.x), probe.y), []
    for number, block in enumerate(network.blocks):
        network.blocks[number] = nn.Identity()
        expected.append((F.cross_entropy(network(probe.x), probe.y) - complete).item())
        network.blocks[number] = block
    assert_close(block_deletion(probe)[0], expected)


def test_block_deletion_is_nan_for_blocks_that_change_the_shape():
    network = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 3)).double()
    x, y = torch.randn(7, 4, dtype=torch.float64), torch.randint(3, (7,))
    assert block_deletion(probe_of(network, x, y)).isnan().all()


def test_shattering_is_the_autocorrelation_of_slopes_along_a_line(make):
    network, probe = make()
    weights = torch.randn(8, generator=probe.generator("shattering"), dtype=torch.float64)
    first, last = network.stem(probe.x.flatten(1)).detach()[:2]
    slopes = []
    for t in np.linspace(0, 1, POINTS):
        position = torch.tensor(t, requires_grad=True)
        h = network.blocks((first + position * (last - first))[None])[0]
        slopes.append(torch.autograd.grad(h @ weights, position)[0].item())
    d = np.array(slopes) - np.mean(slopes)
    assert_close(shattering(probe), [(d[LAG:] * d[:-LAG]).sum() / (d * d).sum()], rtol=1e-6)


def test_the_autocorrelation_of_a_linear_network_is_1(make):
    assert_close(shattering(make("norm=none", "activation=identity")[1]), [1.0])


def test_parallel_streams_have_cosine_1_and_rank_1(make):
    network, probe = make()
    with torch.no_grad():
        network.stem.weight.zero_()
        network.stem.bias[:] = 1.0
    assert_close(pair_cosine(probe)[0], np.ones(4))
    assert_close(effective_rank(probe)[0], np.ones(4), rtol=1e-5)
    assert_close(rank_residual(probe)[0], np.zeros(4))


def test_a_block_that_begins_in_place_does_not_change_the_measured_stream():
    torch.manual_seed(0)
    module = nn.Sequential(*(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4)) for _ in range(2)))
    x = torch.randn(5, 4)
    h = module[0](x.clone())
    sizes = stream_rms(probe_of(module, x, torch.zeros(5, dtype=torch.int64)))[0]
    assert_close(sizes[:2], [v.detach().square().mean().sqrt() for v in (x, h)], rtol=1e-5)
