"""Text: windows, targets, identity, and errors."""

import math
import pydoc_data.topics

import numpy as np
import pytest
import torch

from resexp.build import load_data
from resexp.config.errors import InputError
from resexp.data.text import Text
from resexp.stats.verdict import bigram_loss, constant_loss
from tests.data.files import write_text


def test_targets_of_text_are_the_next_characters(tmp_path):
    text = "the cat sat on the mat. déjà vu ☃ " * 40
    train, validation, classes = Text(path=str(write_text(tmp_path / "a.txt", text)), context=16).load()
    vocabulary = sorted(set(text))
    assert classes == len(vocabulary)
    assert (train.x.dtype, train.x.shape[1], train.y.shape) == (torch.int64, 16, train.x.shape)
    assert torch.equal(train.x.flatten()[1:], train.y.flatten()[:-1])
    training_text = "".join(vocabulary[i] for i in train.x.flatten())
    assert text.startswith(training_text)
    validation_text = "".join(vocabulary[i] for i in validation.x.flatten())
    assert text[len(text) - round(0.1 * len(text)) :].startswith(validation_text)


def test_the_default_text_is_the_documentation_of_cpython(cell):
    small = cell("model=transformer", "dataset=text")
    data = load_data(small)
    characters = sum(map(len, pydoc_data.topics.topics.values()))
    assert (len(data.train) + len(data.validation)) * 64 > characters - 3 * 64
    assert data.is_tokens
    assert torch.equal(data.standardize(data.train.x), data.train.x)
    constant, _ = constant_loss(data.train.y.flatten().numpy())
    bigram = bigram_loss(data.train.x.flatten().numpy(), data.train.y.flatten().numpy())
    assert 1 < bigram < constant < math.log(data.classes)


def test_cells_with_the_same_text_have_the_same_id(cell, tmp_path):
    paths = [write_text(tmp_path / name, text * 300) for name, text in (("a", "abc"), ("b", "abc"), ("c", "abd"))]
    one, same, other = (cell("model=transformer", "dataset=text", f"dataset.path={path}").id for path in paths)
    assert one == same != other


def test_bigram_loss_is_the_entropy_given_the_previous_token():
    """Token 0 is followed by 0 or 1 with equal chance, 1 always by 0; two thirds are 0: (2/3) ln 2."""
    tokens, targets = np.array([0, 0, 1] * 50), np.array([0, 1, 0] * 50)
    assert bigram_loss(tokens, targets) == pytest.approx(2 / 3 * math.log(2))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff" * 900, "not UTF-8 (byte 0)"), (b"", "too short"), (b"ab" * 60, "too short, 120 characters")],
)
def test_errors_for_bad_text_name_the_reason(tmp_path, content, message):
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(InputError) as error:
        Text(path=str(tmp_path / "bad")).load()
    assert message in str(error.value)


def test_text_needs_a_model_for_tokens(cell):
    with pytest.raises(InputError, match="dataset=text needs model=transformer, not mlp"):
        cell("dataset=text")
