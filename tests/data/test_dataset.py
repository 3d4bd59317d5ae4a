"""Standardization, batches, and data sets read from the cache."""

import shutil

import pytest
import torch

from resexp.build import factory, load_data
from resexp.config.errors import InputError
from resexp.data.dataset import Split, prepare
from tests.data.files import write_idx


def test_constant_inputs_are_standardized_to_zero():
    flat = Split(torch.full((5, 4), 7, dtype=torch.uint8), torch.zeros(5, dtype=torch.long))

    class Flat:
        def load(self):
            return flat, flat, 2

    assert not prepare(Flat(), torch.float32).standardize(flat.x).any()


def test_a_batch_larger_than_the_data_is_refused(cell):
    with pytest.raises(InputError, match="batch_size=2000: the train split has 1438 samples"):
        load_data(cell("batch_size=2000"))


def test_a_data_set_in_the_cache_is_not_downloaded(tmp_path, cell):
    write_idx(tmp_path / "source")
    shutil.move(tmp_path / "source", tmp_path / "cache" / "MNIST")
    assert len(load_data(cell("dataset=mnist")).train) == 40
    assert factory(cell("dataset=mnist").options["dataset"])().archive == "MNIST"
