"""Generated data sets: reproducible, and learnable."""

import pytest
import torch

from resexp.config.errors import InputError
from resexp.data.mnist1d import Mnist1d
from resexp.data.speech import SyntheticSpeech
from resexp.data.synthetic import Synthetic


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (Mnist1d, (40,)),
        (SyntheticSpeech, (64, 40)),
        (lambda: Synthetic("teacher", 400, 100), (32,)),
        (lambda: Synthetic("spirals", 400, 100, 3), (2,)),
        (lambda: Synthetic("random_labels", 400, 100), (32,)),
    ],
)
@pytest.mark.slow
def test_generated_data_are_always_the_same(make, shape):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    (train, validation, classes), again = make().load(), make().load()[0]
    assert torch.equal(torch.rand(3), expected)
    assert train.x.shape[1:] == validation.x.shape[1:] == shape
    assert torch.equal(train.x, again.x)
    assert len(train.y.unique()) == classes
    assert train.x.isfinite().all()
    assert not torch.equal(train.x[: len(validation)], validation.x)


@pytest.mark.parametrize(("make", "least"), [(Mnist1d, 0.3), (SyntheticSpeech, 0.7)])
@pytest.mark.slow
def test_nearest_neighbors_classify_generated_data_better_than_chance(make, least):
    train, validation, _ = make().load()
    nearest = torch.cdist(validation.x.flatten(1), train.x.flatten(1)).argmin(1)
    assert (train.y[nearest] == validation.y).double().mean() > least


def test_an_unknown_synthetic_task_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match=r"dataset\.kind=spiral: no such kind; did you mean spirals"):
        Synthetic("spiral")
