"""The identity of a cell and its name."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.config import DIALS, Cell, Dials, content_hash
from resexp.kinds import InputError
from resexp.nn.block import ACTIVATIONS

OTHER = {
    "depth": 3, "width": 8, "activation": "tanh", "seeds": [7], "steps": 2, "batch_size": 9, "clip": 1.0,
    "precision": "float64", "pack": "plain", "device": "cpu", "threads": 1, "log_every": 3, "eval_every": 3,
    "outputs": "elsewhere", "fresh": True, "checkpoint_every": 0, "keep_checkpoints": "all",
    "metric": "loss_train", "tuning_seeds": [1], "force": True,
}  # fmt: skip


def _cell(**dials):
    choices = {"dataset": "digits", "model": "mlp", "norm": "pre", "residual": "on"}
    return Cell(Dials(**dials), choices, {"dataset": {"path": None}}, ())


@pytest.mark.parametrize("name", sorted(DIALS))
def test_just_what_moves_the_numbers_makes_another_cell(name):
    other = _cell(**{name: OTHER[name]})
    assert (other.id != _cell().id) == DIALS[name].metadata["identity"]


def test_the_identity_is_stable():
    """It names results on users' disks: when this fails, either undo the change or raise SCHEMA."""
    assert _cell().id == "3bdb2856a53526ecfcedc7803fc418a0df6ef72360f85be10859933c1a7c3bab"


@given(st.text(), st.integers(1, 10**6))
def test_a_name_is_safe_in_any_shell_and_ends_in_twelve_digits_of_the_id(word, depth):
    cell = dataclasses.replace(_cell(depth=depth), changed=(word,))
    assert re.fullmatch(r"[A-Za-z0-9.+_/-]+", cell.name)
    assert cell.name.endswith(f"-{cell.id[:12]}")
    assert cell.name.startswith(f"digits-mlp/pre+residual/depth{depth:04d}")
    assert len(cell.name) < 200


def test_a_data_path_counts_by_content(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    before = content_hash(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    assert content_hash(tmp_path / "b") == before
    (tmp_path / "b" / "file").write_text("y")
    assert content_hash(tmp_path / "b") != before
    with pytest.raises(InputError, match="no such file"):
        content_hash(tmp_path / "a")


def test_foreign_code_counts_by_its_source(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "my_norms.py"
    module.write_text("class A: pass\n")

    def identity():
        options = {"normalizer": {"_target_": "my_norms.A"}}
        return dataclasses.replace(_cell(), options=options).id

    before = identity()
    module.write_text("class A: x = 1\n")
    assert identity() != before


def test_seeds_are_a_number_or_a_list():
    assert Dials(seeds=3).seed_list == (0, 1, 2)
    assert Dials(seeds=[5, 2]).seed_list == (5, 2)


def test_the_activations_that_are_offered_are_those_there_are():
    assert {*DIALS["activation"].metadata["kind"].words} == {*ACTIVATIONS}
