"""Looking inside a training changes nothing of it, and sees the same however the replicates are run."""

import copy
import itertools

import numpy as np
import pytest
import torch

from resexp.build import build, load_data
from resexp.engine.events import End, Layers, State, Steps
from resexp.engine.loop import fit
from resexp.engine.optimizers import preconditioner

ZOO = [
    ("model=mlp", "normalizer=batchnorm", "body.dropout=0.3"),
    ("model=conv", "normalizer=batchnorm"),
    ("model=resnet", "width=8", "norm=res-post"),
    ("model=transformer", "model.patch=2", "body.dropout=0.3"),
    ("model=simplenet", "residual=off"),
    ("model=mlp", "norm=none", "residual=fixup"),
    ("model=transformer", "norm=none", "residual=rezero"),
    ("model=mlp", "depth=8"),  # enough blocks for their traces to be replayed
]


def look(cell, *, poison=None, stop_at=None):
    """What each seed's training told, its looks apart; with `stop_at` through a state, in a pack built anew."""
    data = load_data(cell)
    training = build(cell, cell.settings.seed_list, data)
    if poison is not None:
        training.pack.weights_RP[poison] = float("nan")
    calls, events = itertools.count(1), []
    for event in fit(training, due=lambda: next(calls) == stop_at):
        events.append(event)
        if isinstance(event, State):
            training = build(cell, cell.settings.seed_list, data)
            events += fit(training, State(event.step, copy.deepcopy(event.tensors)))
            break
    looks = [e for e in events if isinstance(e, Layers)]
    losses = np.concatenate([e.loss_SR for e in events if isinstance(e, Steps)])
    return losses, events[-1], training.pack, looks


FAST = {("full", ZOO[0]), ("light", ZOO[3]), ("full", ZOO[7])}


@pytest.mark.parametrize(
    ("level", "options"),
    [
        pytest.param(*case, marks=() if case in FAST else pytest.mark.slow, id=" ".join([case[0], *case[1]]))
        for case in itertools.product(("light", "full"), ZOO)
    ],
)
def test_no_bit_of_the_training_changes(cell, options, level):
    base = ("norm=pre", "depth=3", "width=8", "steps=4", "seeds=2", "batch_size=16", *options)
    rng = torch.get_rng_state()
    plain, end, pack, looks = look(cell(*base))
    losses, other, seen, inside = look(cell(*base, f"diagnostics={level}"))
    np.testing.assert_array_equal(plain, losses)
    for name in ("loss_train_R", "accuracy_train_R", "loss_val_R", "accuracy_val_R"):
        np.testing.assert_array_equal(getattr(end, name), getattr(other, name))
    assert torch.equal(pack.weights_RP, seen.weights_RP)
    assert all(torch.equal(b, seen.buffers[name]) for name, b in pack.buffers.items())
    assert torch.equal(rng, torch.get_rng_state())
    assert (looks, [e.step for e in inside]) == ([], [0, 1, 3, 4])
    assert all(np.isfinite(v).any() for e in inside for k, v in e.values.items() if k != "branch_skip")


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of attention under vmap, on a CPU
@pytest.mark.slow
@pytest.mark.parametrize("options", ZOO[:4], ids=" ".join)
def test_at_once_and_in_turn_show_the_same(cell, options):
    base = ("norm=pre", "depth=3", "width=8", "steps=3", "batch_size=16", "seeds=2", "precision=float64")
    looks = [look(cell(*base, *options, "diagnostics=full", f"pack={mode}"))[3] for mode in ("vmap", "plain")]
    for one, other in zip(*looks, strict=True):
        assert one.values.keys() == other.values.keys()
        for name, values in one.values.items():
            np.testing.assert_allclose(values, other.values[name], rtol=1e-5, atol=1e-7, err_msg=name)


def test_a_replicate_that_is_not_finite_touches_no_other(cell):
    small = cell("norm=pre", "steps=4", "diagnostics=full")
    alone, poisoned = look(small)[3], look(small, poison=1)[3]
    for one, other in zip(alone, poisoned, strict=True):
        for name, values in one.values.items():
            np.testing.assert_array_equal(values[[0, 2]], other.values[name][[0, 2]], err_msg=name)
        assert np.isnan(other.values["stream_rms"][1]).all()
        assert not np.isfinite(other.values["weight_grad"][1]).any()


def test_a_pack_that_is_wholly_not_finite_ends_with_a_look(cell):
    _, end, _, looks = look(cell("seeds=1", "steps=50", "diagnostics=full"), poison=0)
    assert [e.step for e in looks] == [0, 1, end.step]


@pytest.mark.parametrize("stop_at", [1, 3, 4])
def test_a_resumed_training_looks_where_the_undisturbed_does(cell, stop_at):
    small = cell("norm=pre", "steps=5", "diagnostics=light")
    whole, halves = look(small)[3], look(small, stop_at=stop_at)[3]
    assert [e.step for e in halves] == [e.step for e in whole] == [0, 1, 3, 5]
    for one, other in zip(whole, halves, strict=True):
        for name, values in one.values.items():
            np.testing.assert_array_equal(values, other.values[name])


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_what_adam_divides_by(cell, name):
    small = cell(f"optimizer={name}", "steps=2", "seeds=2")
    training = build(small, small.settings.seed_list, load_data(small))
    assert preconditioner(training.optimizer) is None
    events = [*fit(training)]
    assert isinstance(events[-1], End)
    divisors_RP = preconditioner(training.optimizer)
    if name == "sgd":
        assert divisors_RP is None
        return
    second, *_ = (s["exp_avg_sq"] for s in training.optimizer.state.values())
    torch.testing.assert_close(divisors_RP[0], (second / (1 - 0.999**2)).sqrt() + 1e-8)


def test_sharpness_as_adam_sees_it_is_looked_at_where_adam_trains(cell):
    for name in ("adamw", "sgd"):
        asked = ("diagnostics=light", "diagnostics.expensive=[preconditioned_sharpness]", "steps=3", "seeds=2")
        first, *middle, last = look(cell(f"optimizer={name}", *asked))[3]
        known = [one.values.get("preconditioned_sharpness") for one in (first, last)]
        assert all(value is None or (value.shape == (2,) and (value > 0).all()) for value in known)
        assert [value is None for value in known] == [name == "sgd"] * 2
        assert not any("preconditioned_sharpness" in one.values for one in middle)
