"""The digits of scikit-learn."""

import torch

from resexp.build import load_data


def test_digits_are_standardized_and_no_sample_is_in_both_splits(cell):
    data = load_data(cell())
    assert (len(data.train), len(data.validation), data.classes, data.shape) == (1438, 359, 10, (8, 8))
    x = data.standardize(data.train.x).double()
    assert abs(x.mean().item()) < 1e-5
    assert abs(x.std().item() - 1) < 1e-3
    samples = torch.cat([data.train.x, data.validation.x]).flatten(1)
    assert len(torch.unique(samples, dim=0)) == len(samples)
    again = load_data(cell())
    assert torch.equal(again.train.x, data.train.x)
