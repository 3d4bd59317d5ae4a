"""Modules as users write them train in a pack as they do in a plain PyTorch loop."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from resexp.build import build, load_data
from resexp.cells.run import train
from resexp.engine.evaluation import evaluate
from resexp.engine.loop import fit
from tests.engine.own_modules import (
    CallCounter,
    FrozenScale,
    RandomGain,
    Spectrum,
    UnusedParameter,
    WideBuffers,
    WrongDeclaration,
)
from tests.engine.plain_loop import network_of, train_plainly
from tests.engine.test_pack import assert_bitwise, run

ADAMW = functools.partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1)


def cell_with(cell, cls, *overrides):
    group = "body" if cls is UnusedParameter else "normalizer"
    target = f"{group}._target_={cls.__module__}.{cls.__name__}"
    return cell("norm=pre", target, "optimizer.lr=0.01", "optimizer.weight_decay=0.1", "width=8", *overrides)


MODULES = (FrozenScale, Spectrum, WideBuffers, RandomGain, UnusedParameter)
SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("cls", "precision"),
    [
        (Spectrum, "float32"),
        *(pytest.param(cls, "float32", marks=SLOW) for cls in MODULES if cls is not Spectrum),
        *(pytest.param(cls, "float64", marks=SLOW) for cls in MODULES),
    ],
)
def test_own_modules_agree_with_a_plain_loop_in_every_pack_and_after_resuming(cell, cls, precision):
    small = cell_with(cell, cls, f"precision={precision}")
    for seeds in ((0,), (2, 1), (0, 1, 2)):
        pack, resumed = run(small, seeds), run(small, seeds, resume_at=3)
        for seed in seeds:
            np.testing.assert_allclose(pack[seed][0], train_plainly(small, seed, ADAMW)[0], rtol=1e-4)
            assert_bitwise(pack[seed], resumed[seed])


def test_a_frozen_parameter_keeps_its_value_and_is_saved_but_not_counted(cell):
    small = cell_with(cell, FrozenScale)
    data = load_data(small)
    training = build(small, (0,), data)
    network = network_of(small, 0, data)
    assert training.pack.num_parameters == sum(p.numel() for p in network.parameters() if p.requires_grad)
    run(small, (0,))
    scale = training.pack.state_dict(0)["blocks.0.pre.scale"]
    torch.testing.assert_close(scale, torch.linspace(0.5, 1.5, 8))


def test_float64_buffers_keep_their_type_and_complex_parameters_follow_the_precision(cell):
    wide, spectrum = (cell_with(cell, cls, "precision=float32") for cls in (WideBuffers, Spectrum))
    buffers = build(wide, (0,), load_data(wide)).pack.buffers
    assert buffers["blocks.0.pre.table"].dtype == torch.float64
    assert buffers["blocks.0.pre.phase"].dtype == torch.complex64
    double = cell_with(cell, Spectrum, "precision=float64")
    for small, dtype in ((spectrum, torch.complex64), (double, torch.complex128)):
        pack = build(small, (0,), load_data(small)).pack
        assert pack.state_dict(0)["blocks.0.pre.filter"].dtype == dtype


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(("model=mlp",), marks=SLOW),
        ("model=mlp", "normalizer=batchnorm"),
        pytest.param(("model=conv",), marks=SLOW),
        ("model=transformer", "residual=rezero", "norm=none", "model.patch=2"),
        ("model=transformer", "dataset=text", "batch_size=4", "dataset.context=8"),
    ],
)
def test_trained_weights_load_into_the_plain_network_and_give_the_same_logits(cell, tmp_path, overrides):
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog. " * 60)
    path = [f"dataset.path={tmp_path / 'text.txt'}"] if "dataset=text" in overrides else []
    placement = [] if "norm=none" in overrides else ["norm=pre"]
    small = cell("width=8", "steps=2", *placement, *overrides, *path)
    data = load_data(small)
    training = build(small, (0, 1), data)
    [*fit(training)]
    network = network_of(small, 1, data).eval()
    network.load_state_dict(training.pack.state_dict(1), strict=True)
    loss_R, _ = evaluate(training.pack, data, data.validation)
    with torch.no_grad():
        logits = network(data.standardize(data.validation.x)).flatten(0, -2)
    torch.testing.assert_close(F.cross_entropy(logits, data.validation.y.flatten()), loss_R[1], rtol=1e-5, atol=1e-6)


def test_a_module_with_python_state_agrees_with_a_plain_loop(cell):
    small = cell_with(cell, CallCounter, "steps=8")
    for seed, result in run(small, (0, 1)).items():
        np.testing.assert_allclose(result[0], train_plainly(small, seed, ADAMW)[0], rtol=1e-4)


def test_a_wrong_declaration_is_noticed(cell):
    with pytest.raises(RuntimeError, match="declares repeatable = True"):
        run(cell_with(cell, WrongDeclaration), (0, 1))


def test_a_note_says_why_steps_are_not_captured(cell, references):
    small = cell_with(cell, CallCounter)
    (note,) = train(small).notes
    assert note.startswith("steps are not captured, and slower: CallCounter: 'self.calls.append(1)' reads")
    assert train(cell("norm=pre")).notes == []
