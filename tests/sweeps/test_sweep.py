"""What a sweep leaves on disk and returns in Python."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from resexp.record.index import scan
from tests.conftest import TINY

pytestmark = pytest.mark.slow


def test_a_sweep_leaves_a_manifest_of_its_command_and_cells(resexp, tmp_path):
    overrides = [*TINY, "depth=1,2", "norm=pre,post"]
    resexp("train", *TINY, "depth=3", "norm=pre")
    assert resexp("train", "-m", *overrides).returncode == 0
    (directory,) = Path("outputs/.sweeps").iterdir()
    manifest = json.loads((directory / "sweep.json").read_text())
    assert manifest["overrides"] == overrides
    assert len(manifest["cells"]) == 4
    assert len(json.loads(resexp("runs", "--json").stdout)) == 5
    assert len(json.loads(resexp("runs", "--json", str(directory)).stdout)) == 4
    matrix = resexp("runs", str(directory)).stdout
    assert re.search(r"depth +\+residual +\+residual", matrix)


def test_a_sweep_in_python_trains_what_the_command_trains(tmp_path):
    (tmp_path / "script.py").write_text(
        "import resexp\n"
        "results = resexp.sweep(*'width=16 steps=6 batch_size=32'.split(), depth=[1, 2], norm='pre', seeds=[0, 4])\n"
        "print([(r.status, [x.seed for x in r.replicates], r.config['depth']) for r in results])\n"
    )
    run = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    assert run.stdout == "[('done', [0, 4], 1), ('done', [0, 4], 2)]\n", run.stderr


def test_tuning_seeds_choose_the_rate_and_the_others_test_it(resexp):
    command = ("train", "-m", *TINY, "steps=40", "norm=pre", "optimizer.lr=1e-3,1e-2")
    run = resexp(*command, "tuning_seeds=[0,1]")
    assert re.search(r"arm +best lr +verdicts +train loss", run.stdout), run.stderr
    assert re.search(r"pre\+residual +0.01 \(at the edge\) +1 ", run.stdout)
    resexp(*command, "tuning_seeds=[2]")
    directories = sorted(Path("outputs/.sweeps").iterdir())
    assert [{tuple(cell.config["tuning_seeds"]) for cell in scan([directory])} for directory in directories] == [
        {(0, 1)},
        {(2,)},
    ]
