"""Standardization, batches, and data sets read from the cache."""

import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resexp.build import factory, load_data
from resexp.config.errors import InputError
from resexp.data.dataset import Batches, Split, prepare
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


@given(st.integers(10, 60), st.integers(1, 10), st.integers(0, 50))
def test_batches_depend_only_on_seed_and_step(samples, batch_size, step):
    def batch(seeds, *earlier_steps):
        batches = Batches(samples, batch_size, seeds, torch.device("cpu"))
        for earlier in earlier_steps:
            batches(earlier)
        return batches(step)

    alone = batch((3,))
    assert alone.shape == (1, batch_size)
    assert torch.equal(batch((1, 3, 2), 0, step + 40)[1], alone[0])
    assert len(set(alone[0].tolist())) == batch_size


def test_each_epoch_is_a_new_permutation_of_all_samples():
    batches = Batches(12, 4, (0, 1), torch.device("cpu"))
    epochs = [torch.cat([batches(step) for step in range(first, first + 3)], 1) for first in (0, 3)]
    for epoch in epochs:
        for row in epoch:
            assert sorted(row.tolist()) == [*range(12)]
    assert not torch.equal(*epochs)
    assert not torch.equal(epochs[0][0], epochs[0][1])
