"""Each quantity against an independent computation of its definition, on small networks in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.functional import hessian, jacobian
from torch.func import functional_call

from resexp.diagnostics import jacobian as jacobians
from resexp.diagnostics.block_deletion import block_deletion
from resexp.diagnostics.branch_skip import branch_skip
from resexp.diagnostics.dead_fraction import dead_fraction
from resexp.diagnostics.effective_rank import effective_rank
from resexp.diagnostics.jacobian_max import jacobian_max
from resexp.diagnostics.jacobian_median import jacobian_median
from resexp.diagnostics.jacobian_rms import jacobian_rms
from resexp.diagnostics.one_step import one_step
from resexp.diagnostics.pair_cosine import pair_cosine
from resexp.diagnostics.preconditioned_sharpness import preconditioned_sharpness
from resexp.diagnostics.probe import probe_of
from resexp.diagnostics.query_grad import query_grad
from resexp.diagnostics.rank_residual import rank_residual
from resexp.diagnostics.sharpness import sharpness
from resexp.diagnostics.shattering import LAG, POINTS, shattering
from resexp.diagnostics.stream_grad import stream_grad
from resexp.diagnostics.stream_rms import stream_rms
from resexp.diagnostics.update_ratio import update_ratio
from resexp.diagnostics.value_grad import value_grad
from resexp.diagnostics.weight_grad import weight_grad
from resexp.nn.models import Task

BATCH = 6


@pytest.fixture
def make(build_network):
    """A network in float64 and a probe of it."""

    def build(*overrides, shape=(4, 4), batch=BATCH, **more):
        generator = torch.Generator().manual_seed(0)
        network = build_network("norm=pre", "width=8", "depth=3", *overrides, task=Task(shape, 5)).double()
        x = torch.randn(batch, *shape, generator=generator, dtype=torch.float64)
        y = torch.randint(5, (batch,), generator=generator)
        return network, probe_of(network, x, y, **more)

    return build


def through(network, probe):
    """The streams of an MLP, block by block."""
    streams = [network.stem(probe.x.flatten(1))]
    for block in network.blocks:
        streams.append(block(streams[-1]))
    return streams


def loss_from(network, h, probe):
    return F.cross_entropy(network.head(network.final(h)), probe.y)


def close(found, expected, rtol=1e-9):
    np.testing.assert_allclose(found.detach().numpy(), np.asarray(expected), rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("norm", ["pre", "post", "none"])
def test_streams_and_their_gradients(make, norm):
    network, probe = make(f"norm={norm}")
    streams = through(network, probe)
    for h in streams:
        h.retain_grad()
    loss_from(network, streams[-1], probe).backward()
    close(stream_rms(probe)[0], [h.detach().square().mean().sqrt() for h in streams])
    close(stream_grad(probe)[0], [h.grad.norm() for h in streams])
    weights = [[block.body.fc1.weight.grad, block.body.fc2.weight.grad] for block in network.blocks]
    close(weight_grad(probe)[0], [np.sqrt(sum(float(g.square().sum()) for g in both)) for both in weights])
    assert probe.params["blocks.0.body.fc1.weight"].grad is None


@pytest.mark.parametrize(("residual", "scale"), [("on", 1.0), ("scaled", 3**-0.5), ("off", None)])
def test_branch_over_skip(make, residual, scale):
    network, probe = make(f"residual={residual}", "norm=post")
    expected = []
    for block, h in zip(network.blocks, through(network, probe), strict=False):
        expected.append(np.inf if scale is None else scale * (block.body(h).norm() / h.norm()).item())
    close(branch_skip(probe)[0], expected)


def test_branch_over_skip_of_other_blocks_is_what_they_add():
    torch.manual_seed(0)
    module = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(2)), nn.Linear(4, 3))
    x = torch.randn(5, 4)
    h = module[0](x)
    found = branch_skip(probe_of(module, x, torch.zeros(5, dtype=torch.int64)))[0]
    close(found, [((h - x).norm() / x.norm()).item(), ((module[1](h) - h).norm() / h.norm()).item()], rtol=1e-5)


def test_dead_units_by_construction(make):
    network, probe = make()
    with torch.no_grad():
        for number, block in enumerate(network.blocks):
            block.body.fc1.weight.mul_(1e-3)
            block.body.fc1.bias[:] = 1.0
            block.body.fc1.bias[: 2 * number] = -1.0
    close(dead_fraction(probe)[0], [0.0, 0.25, 0.5])
    assert dead_fraction(make("activation=tanh")[1]) is None


def test_cosines_and_ranks(make):
    network, probe = make()
    found = [f(probe)[0] for f in (pair_cosine, rank_residual, effective_rank)]
    for layer, h in enumerate(through(network, probe)):
        x = h.detach().numpy()
        units = x / np.linalg.norm(x, axis=1, keepdims=True)
        cosines = (units @ units.T)[~np.eye(BATCH, dtype=bool)]
        share = np.linalg.svd(x, compute_uv=False)
        share = share / share.sum()
        residual = np.linalg.norm(x - x.mean(0)) / np.linalg.norm(x)
        close(found[0][layer], cosines.mean())
        close(found[1][layer], residual)
        close(found[2][layer], np.exp(-(share * np.log(share)).sum()), rtol=1e-6)


def test_of_sequences_tokens_are_compared(make):
    network, probe = make("model=transformer", "model.patch=2")
    h = probe.trace.streams[0][0]
    cosines = [F.cosine_similarity(t[:, None], t[None], dim=-1)[~torch.eye(4, dtype=bool)].mean() for t in h]
    close(pair_cosine(probe)[0, 0], torch.stack(cosines).mean())
    assert len(network.blocks) + 1 == pair_cosine(probe).shape[1]


def test_gradients_of_queries_and_values(make):
    network, probe = make("model=transformer", "model.patch=2")
    F.cross_entropy(network(probe.x), probe.y).backward()
    for measure, name in ((query_grad, "q"), (value_grad, "v")):
        layers = [getattr(block.body, name, None) for block in network.blocks]
        expected = [np.nan if layer is None else layer.weight.grad.norm() for layer in layers]
        close(measure(probe)[0], expected)


def test_of_an_in_projection_its_third_counts():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, dtype=torch.float64)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x, y = torch.randn(2, 5, 8, dtype=torch.float64), torch.randint(8, (2, 5))
    F.cross_entropy(encoder(x).flatten(0, 1), y.flatten()).backward()
    expected = [layer.self_attn.in_proj_weight.grad[16:].norm() for layer in encoder.layers]
    close(value_grad(probe_of(encoder, x, y))[0], expected)


def test_update_ratio(make):
    _, probe = make()
    moved = {name: p * (1.5 if name.startswith("blocks.1.") else 1.0) for name, p in probe.params.items()}
    assert update_ratio(probe) is None
    close(update_ratio(make(updated=moved)[1])[0], [0.0, 0.5, 0.0])


def of_one(network, probe, number):
    """The Jacobian of an input, the others of the batch staying as they are."""
    h_0 = network.stem(probe.x.flatten(1) if hasattr(network.blocks[0].body.fc1, "in_features") else probe.x[:, None])

    def end(own):
        mine = (torch.arange(len(h_0)) == number).view(-1, *(1 for _ in own.shape))
        h = torch.where(mine, own, h_0.detach())
        return network.blocks(h)[number].flatten()

    return jacobian(end, h_0[number].detach()).flatten(1)


@pytest.mark.parametrize(("normalizer", "count"), [("layernorm", 4), ("batchnorm", 1)])
def test_jacobian(make, normalizer, count):
    network, probe = make(f"normalizer={normalizer}")
    assert probe.mixes == (normalizer == "batchnorm")
    values = np.stack([np.linalg.svd(of_one(network, probe, n).numpy(), compute_uv=False) for n in range(count)])
    close(jacobian_max(probe), [values[:, 0].mean()])
    close(jacobian_median(probe), [np.median(values, axis=1).mean()])
    close(jacobian_rms(probe), [np.sqrt((values**2).mean(1)).mean()])
    close(jacobians.Jacobian(probe).largest()[0], values[:, 0], rtol=0.02)


@pytest.mark.parametrize("normalizer", ["layernorm", "batchnorm"])
def test_jacobian_of_pictures(make, normalizer):
    network, probe = make("model=conv", "width=4", "depth=2", f"normalizer={normalizer}", batch=3)
    count = 1 if normalizer == "batchnorm" else 3
    values = np.stack([np.linalg.svd(of_one(network, probe, n).numpy(), compute_uv=False) for n in range(count)])
    assert jacobian_median(probe) is None
    close(jacobian_max(probe), [values[:, 0].mean()], rtol=0.02)
    squares = (values**2).sum(1)
    error = np.sqrt(2 * (values**4).sum(1) / jacobians.DRAWS) / squares
    found = jacobians.Jacobian(probe).rms()[0].detach().numpy() ** 2 * values.shape[1]
    assert (np.abs(found / squares - 1) < 4 * error).all()


def test_one_step(make):
    network, probe = make(lr=0.1)
    before = network(probe.x)
    F.cross_entropy(before, probe.y).backward()
    moved = {name: p - 0.1 * p.grad for name, p in network.named_parameters()}
    expected = (functional_call(network, moved, (probe.x,)) - before).square().mean().sqrt() / 0.1
    close(one_step(probe), [expected.item()], rtol=1e-7)


def small(make, sign=1):
    """A network of few parameters, a probe of it, and the Hessian."""
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
    """Also where one below 0 is larger in size, as the negative loss has it."""
    _, probe, matrix = small(make, sign)
    values = torch.linalg.eigvalsh(matrix)
    assert (values[-1] < values.abs().max()) == (sign < 0)
    assert sharpness(probe) <= values[-1] + 1e-9
    close(sharpness(probe), [values[-1]], rtol=0.05)


def test_adam_sees_the_hessian_over_what_it_divides_by(make):
    params, probe, matrix = small(make)
    assert preconditioned_sharpness(probe) is None
    generator = torch.Generator().manual_seed(1)
    divisors = {n: torch.rand(1, *p.shape, generator=generator, dtype=p.dtype) + 0.1 for n, p in params.items()}
    scale = torch.cat([d.flatten() for d in divisors.values()]).rsqrt()
    expected = torch.linalg.eigvalsh(scale[:, None] * matrix * scale)[-1]
    close(preconditioned_sharpness(replace(probe, preconditioner=lambda: divisors)), [expected], rtol=0.05)


def test_a_stream_without_a_gradient_and_a_batch_of_one(make):
    """Neither tells whether inputs depend on one another, and neither ends in an error."""

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
    normed = nn.Sequential(*(nn.Sequential(nn.Linear(3, 3), Centerd()) for _ in range(2))).double()
    assert jacobian_max(probe_of(normed, x[:1], y[:1])) < 1e-12  # of one sample, nothing is left


class Centerd(nn.Module):
    """Takes off the mean over the batch."""

    def forward(self, x):
        return x - x.mean(0)


def test_a_parameter_that_the_gradient_does_not_depend_on_has_no_curvature():
    network = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    network.register_parameter("unused", nn.Parameter(torch.ones(4, dtype=torch.float64)))
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1])
    assert sharpness(probe_of(network, x, y)) > 0


def test_block_deletion_by_hand(make):
    network, probe = make()
    whole, expected = F.cross_entropy(network(probe.x), probe.y), []
    for number, block in enumerate(network.blocks):
        network.blocks[number] = nn.Identity()
        expected.append((F.cross_entropy(network(probe.x), probe.y) - whole).item())
        network.blocks[number] = block
    close(block_deletion(probe)[0], expected)


def test_blocks_that_change_the_shape_cannot_be_deleted():
    network = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 3)).double()
    x, y = torch.randn(7, 4, dtype=torch.float64), torch.randint(3, (7,))
    assert block_deletion(probe_of(network, x, y)).isnan().all()


def test_shattering_is_the_autocorrelation_of_slopes(make):
    network, probe = make()
    weights = torch.randn(8, generator=probe.generator("shattering"), dtype=torch.float64)
    first, last = network.stem(probe.x.flatten(1)).detach()[:2]
    slopes = []
    for t in np.linspace(0, 1, POINTS):
        at = torch.tensor(t, requires_grad=True)
        h = network.blocks((first + at * (last - first))[None])[0]
        slopes.append(torch.autograd.grad(h @ weights, at)[0].item())
    d = np.array(slopes) - np.mean(slopes)
    close(shattering(probe), [(d[LAG:] * d[:-LAG]).sum() / (d * d).sum()], rtol=1e-6)


def test_a_linear_network_does_not_shatter(make):
    close(shattering(make("norm=none", "activation=identity")[1]), [1.0])


def test_inputs_of_a_network_with_parallel_streams_are_of_one_rank(make):
    network, probe = make()
    with torch.no_grad():
        network.stem.weight.zero_()
        network.stem.bias[:] = 1.0
    close(pair_cosine(probe)[0], np.ones(4))
    close(effective_rank(probe)[0], np.ones(4), rtol=1e-5)
    close(rank_residual(probe)[0], np.zeros(4))


def test_a_block_that_begins_in_place_leaves_the_stream_as_it_was():
    torch.manual_seed(0)
    module = nn.Sequential(*(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4)) for _ in range(2)))
    x = torch.randn(5, 4)
    h = module[0](x.clone())
    found = stream_rms(probe_of(module, x, torch.zeros(5, dtype=torch.int64)))[0]
    close(found[:2], [v.detach().square().mean().sqrt() for v in (x, h)], rtol=1e-5)
