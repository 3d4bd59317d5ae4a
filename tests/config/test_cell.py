"""The id of a cell and the name of its run directory."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.config.cell import Cell
from resexp.config.errors import InputError
from resexp.config.fingerprint import content_hash
from resexp.config.settings import SETTINGS, Settings
from resexp.nn.block import ACTIVATIONS

OTHER = {
    "depth": 3, "width": 8, "activation": "tanh", "seeds": [7], "steps": 2, "batch_size": 9, "clip": 1.0,
    "precision": "float64", "pack": "plain", "device": "cpu", "threads": 1, "log_every": 3, "eval_every": 3,
    "outputs": "elsewhere", "fresh": True, "checkpoint_every": 0, "keep_checkpoints": "all",
    "metric": "loss_train", "tuning_seeds": [1], "force": True,
}  # fmt: skip


def _cell(**settings):
    choices = {"dataset": "digits", "model": "mlp", "norm": "pre", "residual": "on"}
    return Cell(Settings(**settings), choices, {"dataset": {"path": None}}, ())


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_id_depends_on_exactly_the_settings_that_affect_the_numbers(name):
    other = _cell(**{name: OTHER[name]})
    assert (other.id != _cell().id) == SETTINGS[name].metadata["identity"]


def test_ids_are_stable():
    """Ids name results on users' disks: if this fails, undo the change or raise SCHEMA."""
    assert _cell().id == "5112c18e18f4eeb4e18d5b8ca407ec9bb5e9b617ebb8091a209aeb4634b26c99"


@given(st.text(), st.integers(1, 10**6))
def test_directory_names_are_shell_safe_and_end_in_twelve_digits_of_the_id(word, depth):
    cell = dataclasses.replace(_cell(depth=depth), changed=(word,))
    assert re.fullmatch(r"[A-Za-z0-9.+_/-]+", cell.name)
    assert cell.name.endswith(f"-{cell.id[:12]}")
    assert cell.name.startswith(f"digits-mlp/pre+residual/depth{depth:04d}")
    assert len(cell.name) < 200


def test_data_paths_are_hashed_by_content(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    before = content_hash(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    assert content_hash(tmp_path / "b") == before
    (tmp_path / "b" / "file").write_text("y")
    assert content_hash(tmp_path / "b") != before
    with pytest.raises(InputError, match="no such file"):
        content_hash(tmp_path / "a")


def test_user_classes_are_hashed_by_source(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "my_norms.py"
    module.write_text("class A: pass\n")

    def cell_id():
        options = {"normalizer": {"_target_": "my_norms.A"}}
        return dataclasses.replace(_cell(), options=options).id

    before = cell_id()
    module.write_text("class A: x = 1\n")
    assert cell_id() != before


def test_seeds_may_be_a_number_or_a_list():
    assert Settings(seeds=3).seed_list == (0, 1, 2)
    assert Settings(seeds=[5, 2]).seed_list == (5, 2)


def test_the_setting_activation_lists_all_activations():
    assert {*SETTINGS["activation"].metadata["type"].words} == {*ACTIVATIONS}
