"""Which code is known to be pure."""

import importlib.util
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resexp.engine.known_code import unknown_code
from resexp.nn.normalizers.layernorm import LayerNorm

SCALE, COUNTS, LAYER = 2.0, [0], nn.Linear(4, 4)


def double(x):
    return SCALE * x


def noisy(x):
    return x + torch.randn_like(x)


class Base(nn.Module):
    """What the modules below have: a parameter, a buffer, submodules, a constant, and an unregistered tensor."""

    def __init__(self):
        super().__init__()
        self.weight, self.eps, self.age = nn.Parameter(torch.ones(4)), 1e-5, torch.zeros(())
        self.register_buffer("level", torch.ones(()))
        self.layers, self.seen, self.rng = nn.ModuleList([nn.Linear(4, 4), nn.GELU()]), [], np.random.default_rng(0)

    def scaled(self, x):
        return double(x) * self.weight

    def counted(self, x):
        self.seen.append(1)
        return x


class Pure(Base):
    def forward(self, x):
        outputs = []
        for layer in self.layers:
            x = x + torch.tanh(layer(x))
            outputs.append(self.scaled(x))
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
        if self.training:
            x = (x - mean) / torch.sqrt(variance + self.eps)
        return F.layer_norm(x, x.shape[-1:]) * self.level + sum(outputs) + torch.fft.rfft(x).real.sum()


class Inherited(LayerNorm):
    """Nothing of its own."""


class Overridden(LayerNorm):
    def forward(self, x):
        return noisy(x)


class Declared(Base):
    repeatable = True

    def forward(self, x):
        return noisy(x)


class AfterDeclared(Declared):
    """A declaration does not hold for subclasses."""

    def forward(self, x):
        return super().forward(x)


def written(source, folder):
    """Return an instance of a class whose forward pass is `source`, imported from a file, so that it can be read."""
    body = "\n        ".join(source.split("; "))
    names = "COUNTS, LAYER, Base, F, noisy, torch"
    head = f"import random\nfrom tests.engine.test_known_code import {names}\n\nclass Written(Base):\n"
    text = f"{head}    def forward(self, x):\n        {body}\n"
    (folder / "written.py").write_text(text)
    spec = importlib.util.spec_from_file_location("written", folder / "written.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Written()


REFUSED = {
    "x += 1; return x": "in place",
    "x[0] = 0; return x": "not a local variable",
    "self.level = x.mean(); return x": "not a local variable",
    "return x.mul_(2)": r"calls \.mul_",
    "return x.__setitem__(0, 1)": "__setitem__",
    "return torch.add(x, 1, out=x)": "writes to its argument",
    "return F.relu(x, True)": "may write to its argument",
    "return F.relu(x, inplace=True)": "may write to its argument",
    "return x + self.age": "not registered",
    "return self.counted(x)": "seen.append",
    "return x + len(self.seen)": "may change",
    "return x + COUNTS[0]": "may change",
    "return LAYER(x)": "not known to be pure",
    "return noisy(x)": "randn_like",
    "f = torch.rand; return x + f(())": "may change",
    "return F.dropout(x)": "dropout",
    "return x + random.random()": "not known to be pure",
    "return x + float(self.rng.random())": "may change",
    "return torch.empty_like(x)": "empty_like",
    "return x * x.item()": r"\.item",
    "return x.detach() if x.requires_grad else x": "requires_grad",
    "return (lambda y: y)(x)": "not understood",
    "print(x); return x": "print",
    "with torch.no_grad(): return x": "not understood",
    "self.weight.data.copy_(x); return x": r"\.data",
}


@pytest.mark.parametrize("source", REFUSED)
def test_code_that_may_be_impure_is_unknown(source, tmp_path):
    reason = unknown_code(written(source, tmp_path))
    assert reason.startswith("Written: ")
    assert re.search(REFUSED[source], reason)
    assert "\n" not in reason


@pytest.mark.parametrize("cls", [Pure, Declared])
def test_pure_and_declared_code_is_known(cls):
    assert unknown_code(nn.Sequential(cls(), nn.ReLU())) is None


def test_a_subclass_is_read_on_its_own():
    assert unknown_code(Inherited(4)) is None
    assert "randn_like" in unknown_code(Overridden(4))
    assert unknown_code(AfterDeclared()).startswith("AfterDeclared: ")


@pytest.mark.parametrize(
    "layer", [nn.ReLU(inplace=True), nn.Dropout(0.1), nn.BatchNorm1d(4), nn.Embedding(3, 4, padding_idx=0), nn.RReLU()]
)
def test_modules_of_torch_that_write_draw_or_keep_state_are_unknown(layer):
    assert unknown_code(nn.Sequential(nn.Linear(4, 4), layer)).startswith(type(layer).__name__)


def test_hooks_are_unknown():
    hooked, clipped = nn.Linear(4, 4), nn.Linear(4, 4)
    hooked.register_forward_hook(lambda module, args, output: output * 2)
    clipped.weight.register_hook(lambda grad: grad.clamp(-1, 1))
    for layer in (hooked, clipped):
        assert "hook" in unknown_code(layer)


@pytest.mark.parametrize("residual", ["on", "off", "fixup", "rezero", "layerscale", "projection", "skipinit"])
@pytest.mark.parametrize("model", ["mlp", "conv", "transformer"])
def test_networks_of_resexp_are_known(build_network, residual, model):
    norm = "none" if residual in ("fixup", "rezero", "skipinit") else "pre"
    patch = ["model.patch=2"] if model == "transformer" else []
    assert unknown_code(build_network(f"norm={norm}", f"residual={residual}", f"model={model}", *patch)) is None


class CallsAList(Base):
    def forward(self, x):
        return self.seen(x)


def test_calling_an_attribute_that_is_not_a_function_is_unknown():
    assert "calls" in unknown_code(CallsAList())
