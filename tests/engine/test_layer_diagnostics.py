"""Layer diagnostics do not change training, and do not depend on how the replicates are run."""

import copy
import itertools

import numpy as np
import pytest
import torch

from resexp.build import build, load_data
from resexp.engine.events import Layers, State, Steps
from resexp.engine.loop import fit

ZOO = [
    ("model=mlp", "normalizer=batchnorm", "body.dropout=0.3"),
    ("model=conv", "normalizer=batchnorm"),
    ("model=resnet", "width=8", "norm=res-post"),
    ("model=transformer", "model.patch=2", "body.dropout=0.3"),
    ("model=simplenet", "residual=off"),
    ("model=mlp", "norm=none", "residual=fixup"),
    ("model=transformer", "norm=none", "residual=rezero"),
    ("model=mlp", "depth=8"),
]


def run(cell, *, poison=None, resume_at=None):
    """Train a cell; return its losses, last event, pack and `Layers` events.

    Args:
        cell: what to train.
        poison: the row of the replicate whose initial weights are NaN.
        resume_at: after this step, resume from the checkpoint in a new pack.

    """
    data = load_data(cell)
    training = build(cell, cell.settings.seed_list, data)
    if poison is not None:
        training.pack.weights_RP[poison] = float("nan")
    steps, events = itertools.count(1), []
    for event in fit(training, should_checkpoint=lambda: next(steps) == resume_at):
        events.append(event)
        if isinstance(event, State):
            training = build(cell, cell.settings.seed_list, data)
            events += fit(training, State(event.step, copy.deepcopy(event.tensors)))
            break
    layers = [e for e in events if isinstance(e, Layers)]
    losses = np.concatenate([e.loss_SR for e in events if isinstance(e, Steps)])
    return losses, events[-1], training.pack, layers


def layers_of(cell, **options):
    return run(cell, **options)[3]


FAST = {("full", ZOO[0])}


@pytest.mark.parametrize(
    ("level", "overrides"),
    [
        pytest.param(*case, marks=() if case in FAST else pytest.mark.slow, id=" ".join([case[0], *case[1]]))
        for case in itertools.product(("light", "full"), ZOO)
    ],
)
def test_diagnostics_do_not_change_training(cell, overrides, level):
    base = ("norm=pre", "depth=3", "width=8", "steps=4", "seeds=2", "batch_size=16", *overrides)
    rng_state = torch.get_rng_state()
    losses, end, pack, none = run(cell(*base))
    measured_losses, measured_end, measured_pack, layers = run(cell(*base, f"diagnostics={level}"))
    np.testing.assert_array_equal(losses, measured_losses)
    for name in ("loss_train_R", "accuracy_train_R", "loss_val_R", "accuracy_val_R"):
        np.testing.assert_array_equal(getattr(end, name), getattr(measured_end, name))
    assert torch.equal(pack.weights_RP, measured_pack.weights_RP)
    assert all(torch.equal(b, measured_pack.buffers[name]) for name, b in pack.buffers.items())
    assert torch.equal(rng_state, torch.get_rng_state())
    assert (none, [e.step for e in layers]) == ([], [0, 1, 3, 4])
    assert all(np.isfinite(v).any() for e in layers for name, v in e.values.items() if name != "branch_skip")


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # attention under vmap on a CPU
@pytest.mark.slow
@pytest.mark.parametrize("overrides", ZOO[:4], ids=" ".join)
def test_vmapped_and_plain_packs_give_the_same_measurements(cell, overrides):
    base = ("norm=pre", "depth=3", "width=8", "steps=3", "batch_size=16", "seeds=2", "precision=float64")
    vmapped, plain = (layers_of(cell(*base, *overrides, "diagnostics=full", f"pack={m}")) for m in ("vmap", "plain"))
    for a, b in zip(vmapped, plain, strict=True):
        assert a.values.keys() == b.values.keys()
        for name, values in a.values.items():
            np.testing.assert_allclose(values, b.values[name], rtol=1e-5, atol=1e-7, err_msg=name)


def test_a_nonfinite_replicate_does_not_affect_measurements_of_the_others(cell):
    small = cell("norm=pre", "steps=4", "diagnostics=full")
    for healthy, poisoned in zip(layers_of(small), layers_of(small, poison=1), strict=True):
        for name, values in healthy.values.items():
            np.testing.assert_array_equal(values[[0, 2]], poisoned.values[name][[0, 2]], err_msg=name)
        assert np.isnan(poisoned.values["stream_rms"][1]).all()
        assert not np.isfinite(poisoned.values["weight_grad"][1]).any()


def test_a_pack_without_finite_replicates_is_measured_at_its_end(cell):
    _, end, _, layers = run(cell("seeds=1", "steps=50", "diagnostics=full"), poison=0)
    assert [e.step for e in layers] == [0, 1, end.step]


@pytest.mark.parametrize("resume_at", [1, 3, 4])
def test_a_resumed_training_measures_at_the_same_steps(cell, resume_at):
    small = cell("norm=pre", "steps=5", "diagnostics=light")
    uninterrupted, resumed = layers_of(small), layers_of(small, resume_at=resume_at)
    assert [e.step for e in resumed] == [e.step for e in uninterrupted] == [0, 1, 3, 5]
    for a, b in zip(uninterrupted, resumed, strict=True):
        for name, values in a.values.items():
            np.testing.assert_array_equal(values, b.values[name])


def test_preconditioned_sharpness_is_measured_only_if_adam_trains(cell):
    for name in ("adamw", "sgd"):
        expensive = "diagnostics.expensive=[preconditioned_sharpness]"
        layers = layers_of(cell(f"optimizer={name}", "diagnostics=light", expensive, "steps=3", "seeds=2"))
        first, *middle, last = [event.values.get("preconditioned_sharpness") for event in layers]
        assert middle == [None] * len(middle)
        for values in (first, last):
            if name == "sgd":
                assert values is None
            else:
                assert values.shape == (2,)
                assert (values > 0).all()
