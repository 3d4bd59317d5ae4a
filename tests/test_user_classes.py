"""User classes, with the example of conf/README.md."""

import re
from pathlib import Path

import pytest

from tests.conftest import TINY

PAGE = (Path(__file__).parent.parent / "conf" / "README.md").read_text()


@pytest.mark.slow
def test_the_example_of_the_page_runs(resexp, references, tmp_path):
    section = PAGE.partition("\n## Your own choices")[2].partition("\n## ")[0]
    python, yaml = (re.search(rf"```{language}\n(.*?)```", section, re.S)[1] for language in ("python", "yaml"))
    (command,) = re.findall(r"^resexp (train .*)$", section, re.M)
    (tmp_path / "my_norms.py").write_text(python)
    (tmp_path / "mine" / "normalizer").mkdir(parents=True)
    (tmp_path / "mine" / "normalizer" / "pnorm.yaml").write_text(yaml)
    small = [override for override in TINY if not override.startswith("depth")]
    done = resexp(*command.split(), *small)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^\[\d/4\]", done.stdout, re.M)) == 4
    done = resexp("train", "normalizer._target_=my_norms.PNorm", "norm=pre", *TINY)
    assert done.returncode == 0, done.stderr


OWN = """
import torch
from torch import nn
from resexp.data.dataset import Split
from resexp.nn.block import Residual, blocks
from resexp.nn.initialize import Initializer


class Halved(Residual):
    def combine(self, x, f):
        return x + f / 2


class Branch(nn.Module):
    def __init__(self, linear, config):
        super().__init__()
        self.fc = linear(config.width, config.width)

    def forward(self, u):
        return torch.sin(self.fc(u))


class Net(nn.Module):
    def __init__(self, config, task):
        super().__init__()
        self.stem = nn.Linear(task.shape[0], config.width)
        self.blocks = blocks(config, lambda: config.body(nn.Linear, config))
        self.head = nn.Linear(config.width, task.classes)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))


class Signs:
    def load(self):
        x = torch.randn(400, 5, generator=torch.Generator().manual_seed(0))
        y = (x[:, 0] > 0).long()
        return Split(x[:300], y[:300]), Split(x[300:], y[300:]), 2


class Small(Initializer):
    def weight(self, weight, beside_activation, generator):
        weight.normal_(0, 0.3, generator=generator)
"""


@pytest.mark.slow
def test_user_classes_in_every_group_train_together(resexp, tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    own = {"residual": "Halved", "body": "Branch", "model": "Net", "dataset": "Signs", "init": "Small"}
    overrides = [f"{group}._target_=mine.{name}" for group, name in own.items()]
    done = resexp("train", *TINY, "steps=200", "optimizer.lr=1e-2", *overrides)
    assert done.returncode == 0, done.stderr
    assert "3 trained" in done.stdout
