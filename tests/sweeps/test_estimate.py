"""The estimate of a sweep, and which cells are left to train."""

import re

import pytest

from resexp.cells.run import train
from resexp.cli.main import main
from resexp.sweeps.estimate import cells_to_train
from tests.conftest import TINY

SWEEP = (*TINY, "depth=1,2", "norm=pre,post")


@pytest.mark.slow
def test_a_dry_run_estimates_and_writes_nothing(resexp, tmp_path):
    run = resexp("train", "--dry-run", "-m", *SWEEP)
    assert run.returncode == 0, run.stderr
    assert "4 cells, 4 to train" in run.stdout
    assert re.search(
        r"estimate: [\d.]+ s on \d+ workers? with \d+ threads? and up to 0\.\d GB of memory each", run.stdout
    )
    assert [*tmp_path.iterdir()] == []
    resexp("train", *TINY, "depth=1", "norm=pre")
    again = resexp("train", "--dry-run", "-m", *SWEEP, "seeds=4")
    assert "4 cells, 4 to train" in again.stdout
    assert "1 to train, 3 done" in again.stdout


@pytest.mark.usefixtures("references")
def test_cells_to_train_are_those_with_missing_seeds(composer):
    cells = [cell for _, cell in composer.jobs([*SWEEP])]
    train(cells[0])
    assert [cell.id for cell in cells_to_train(cells)] == [cell.id for cell in cells[1:]]
    more = composer.cell([*cells[0].overrides, "seeds=5"])
    assert [cell.settings.seed_list for cell in cells_to_train([more])] == [(3, 4)]


def test_a_dry_run_refuses_invalid_input(tmp_path, capfd):
    assert main(["train", "--dry-run", "-m", "depth=0,1"]) == 2
    assert capfd.readouterr().err.startswith("resexp: depth=0")


@pytest.mark.slow
def test_a_failed_estimate_prints_one_line(resexp, faulty):
    overflowing = resexp("train", "--dry-run", "depth=200", "seeds=1", "batch_size=32", "width=8")
    assert (overflowing.returncode, overflowing.stderr) == (0, "")
    for normalizer, message in (("raises", "RuntimeError: out of luck"), ("killed", "BrokenProcessPool")):
        run = resexp("train", "--dry-run", *faulty, *TINY, "norm=pre", f"normalizer={normalizer}")
        assert (run.returncode, "Traceback" in run.stderr) == (1, False)
        assert message in run.stderr
