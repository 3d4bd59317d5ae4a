"""The probe: its measurements and diagnoses, of cells and of any module."""

import json
import math

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

import resexp
from resexp.cells.probe import probe_cell
from resexp.cli.main import main
from resexp.config.errors import InputError
from resexp.theory import Arm, trainable_depth

ARMS = {  # at depth 48 on digits: why the arm should not train; None if it should
    ("none", "on"): "gradient grows by 1.4",
    ("none", "off"): "inputs become parallel",
    ("pre", "on"): None,
    ("pre", "off"): "inputs become parallel",
    ("post", "on"): "inputs become parallel",
    ("post", "off"): "inputs become parallel",
}


@pytest.mark.parametrize(
    ("norm", "residual"), [pytest.param(*arm, marks=[] if arm == ("pre", "on") else pytest.mark.slow) for arm in ARMS]
)
def test_five_of_six_arms_are_predicted_to_fail_at_depth_48(cell, norm, residual):
    """Training the same cells, as the matrix sweep does, confirms it."""
    result = probe_cell(cell(f"norm={norm}", f"residual={residual}", "depth=48", "width=64", "seeds=5"))
    reason = ARMS[norm, residual]
    assert ("should train" in result.diagnosis) == (reason is None)
    if reason:
        assert reason in result.diagnosis
        assert result.diagnosis.endswith("try norm=pre residual=on")
        assert result.predicted_trainable_depth < 48


@pytest.mark.parametrize("norm", ["none", *(pytest.param(n, marks=pytest.mark.slow) for n in ("pre", "post"))])
def test_measured_gains_agree_with_the_theory(cell, norm):
    result = probe_cell(cell(f"norm={norm}", "depth=16", "width=128", "seeds=8"))
    for gain in (result.gain_forward, result.gain_backward):
        assert gain.low < gain.measured < gain.high
        assert gain.measured == pytest.approx(gain.predicted, rel=0.05)


@pytest.mark.slow
def test_one_seed_has_no_interval_and_a_dead_network_is_diagnosed(cell):
    one = probe_cell(cell("norm=pre", "seeds=1"))
    assert one.gain_forward.low is None
    assert one.gain_forward.measured > 0
    fixup = probe_cell(cell("residual=fixup"))
    assert "the head passes no gradient" in fixup.diagnosis
    assert fixup.gain_backward.measured == pytest.approx(1.0)  # so do its branches
    assert "cannot train" in probe_cell(cell("depth=300", "width=8")).diagnosis


def test_a_cell_outside_the_theory_reports_the_reason(cell):
    for given, reason in (
        (("model=conv", "width=8"), "model=conv"),
        (("norm=pre", "normalizer._target_=torch.nn.LayerNorm"), "torch.nn.LayerNorm"),
        (("init=orthogonal", "init.gain=0.5"), "init.gain=0.5"),
        (("norm=pre", "norm.post=true"), "norm=pre"),
        (("init=xavier", "body.expansion=4"), "body.expansion=4"),
    ):
        result = probe_cell(cell(*given))
        assert reason in result.no_theory_reason
        assert result.gain_forward.predicted is None
        assert result.gain_forward.measured > 0


def test_json_of_a_multirun(capsys):
    given = ["norm=none,pre", "depth=3", "width=8", "batch_size=16", "seeds=2"]
    assert main(["probe", "-m", "--json", *given]) == 0
    cells = json.loads(capsys.readouterr().out)
    assert [c["config"]["depth"] for c in cells] == [3, 3]
    for result in cells:
        keys = {"config", "gain_forward", "gain_backward", "layers", "predicted_trainable_depth", "diagnosis"}
        assert result.keys() == keys
        assert result["gain_forward"].keys() == {"measured", "low", "high", "predicted"}
        assert [len(result["layers"][k]) for k in ("stream_rms", "stream_grad", "weight_grad")] == [4, 4, 3]


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 160])
def test_the_table_fits_the_terminal(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for given in (["norm=pre"], ["-m", "norm=none,pre,post", "residual=on,off"]):
        assert main(["probe", *given, "depth=8", "width=16", "seeds=1"]) == 0
        out = capsys.readouterr().out
        assert "should train" in out.lower()
        assert all(len(line) <= width for line in out.splitlines())


def test_bad_input_is_reported_in_one_line(capsys):
    for given in (["norm=pree"], ["norm=none,pre"], ["--jsn"]):
        assert main(["probe", *given]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def _vit():
    return torchvision.models.vit_b_16(weights=None)


def _encoder():
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    return nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)


@pytest.mark.parametrize(
    ("make", "shape", "count"),
    [
        pytest.param(lambda: torchvision.models.resnet50(weights=None), (4, 3, 64, 64), 16, marks=pytest.mark.slow),
        pytest.param(_vit, (2, 3, 224, 224), 12, marks=pytest.mark.slow),
        (_encoder, (4, 10, 32), 6),
    ],
)
def test_any_module_with_repeated_blocks_can_be_probed(make, shape, count):
    torch.manual_seed(0)
    module = make().eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    result = resexp.probe(module, torch.randn(shape))
    assert result.depth == count
    assert result.gain_forward.measured > 0
    assert result.gain_backward.measured > 0
    assert ("the head passes no gradient" in result.diagnosis) == (make is _vit)
    assert np.isfinite(result.layers["weight_grad"]).all()
    assert not module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_module_is_probed_with_targets_and_named_blocks():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(5)])
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            for part in self.parts:
                x = part(x)
            return self.head(x)

    torch.manual_seed(1)
    batch = torch.randn(16, 8), torch.randint(3, (16,))
    result = resexp.probe(Net(), batch, blocks="parts.*")
    assert result.config["blocks"] == [f"parts.{i}" for i in range(5)]
    assert result.gain_forward.measured < 1
    assert "Net: " in str(result)
    with pytest.raises(InputError, match="no module of that name"):
        resexp.probe(Net(), batch, blocks="layers.*")


class _Several(nn.Module):
    """Returns more than one output; `shape` makes the first."""

    def __init__(self, shape):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Tanh()) for _ in range(3)])
        self.shape = shape

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.shape(x)


def test_modules_may_return_any_structure():
    torch.manual_seed(0)
    whole, x = _Several(lambda h: h), torch.randn(6, 8)
    plain = resexp.probe(whole, x).layers["stream_grad"]
    for shape in (lambda h: (h, None), lambda h: [h, h]):
        whole.shape = shape
        np.testing.assert_array_equal(resexp.probe(whole, x).layers["stream_grad"], plain)
    whole.shape = lambda h: (h, h)
    both = resexp.probe(whole, (x, torch.zeros(6)), loss=lambda o, y: (o[0] + o[1]).square().mean())
    assert both.gain_backward.measured > 0
    for shape in (lambda h: h.sum(1), torch.sum):
        whole.shape = shape
        with torch.inference_mode():
            assert resexp.probe(whole, x).gain_backward.measured > 0
        with pytest.raises(InputError, match="pass a loss"):
            resexp.probe(whole, (x, torch.zeros(6, dtype=torch.int64)))
    whole.shape = lambda h: {"logits": h}
    with pytest.raises(InputError, match="is a dict, not a tensor; pass a loss"):
        resexp.probe(whole, x)
    with pytest.raises(InputError, match="batch: expected a tensor"):
        resexp.probe(whole, x.numpy())


def test_each_part_of_a_module_keeps_its_mode():
    module = _Several(lambda h: h).train()
    module.blocks[0][1].eval()
    resexp.probe(module, torch.randn(6, 8))
    assert [block[1].training for block in module.blocks] == [False, True, True]
    assert module.training


def test_streams_that_are_overwritten_in_place_are_measured_before():
    class Net(nn.Module):
        def __init__(self, inplace):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Sequential(nn.ReLU(), nn.Linear(8, 8)) for _ in range(3)])
            self.inplace = inplace

        def forward(self, x):
            x = 2 * x
            for block in self.blocks:
                if self.inplace:
                    x += block(x)
                else:
                    x = x + block(x)
            return x

    batch, seen = torch.randn(6, 8), []
    for inplace in (True, False):
        torch.manual_seed(0)
        seen.append(resexp.probe(Net(inplace), batch).layers)
    for name, values in seen[0].items():
        np.testing.assert_allclose(values, seen[1][name], rtol=1e-5, err_msg=name)


def test_inputs_parallel_from_the_start_give_no_depth_limit():
    torch.manual_seed(0)
    assert "parallel" not in resexp.probe(_Several(lambda h: h), torch.randn(1, 8).repeat(6, 1)).diagnosis
    assert trainable_depth(Arm(depth=1, residual="off", cosine=1 - 1e-7)).correlation == math.inf
