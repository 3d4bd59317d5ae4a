"""Text, speech, house numbers and generated data sets."""

import math
import pydoc_data.topics
import wave

import numpy as np
import pytest
import torch
from scipy.io import savemat

from resexp.build import load_data
from resexp.config.errors import InputError
from resexp.data.mnist1d import Mnist1d
from resexp.data.speech import Speech, SyntheticSpeech, log_mel, read_wav, synthesize
from resexp.data.svhn import Svhn
from resexp.data.synthetic import Synthetic
from resexp.data.text import Text
from resexp.stats.verdict import bigram_loss, constant_loss

LETTERS = "".join(chr(97 + i * i % 23) for i in range(3000))


def write_text(file, text=LETTERS):
    file.write_text(text, encoding="utf-8")
    return file


def write_svhn(folder, count=40):
    folder.mkdir()
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        x = random.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        savemat(folder / f"{part}_32x32.mat", {"X": x, "y": 1 + np.arange(count)[:, None] % 10})
    return folder


def write_wav(file, samples, rate=8000, channels=1):
    with wave.open(str(file), "wb") as stream:
        stream.setparams((channels, 2, rate, 0, "NONE", ""))
        stream.writeframes((samples / samples.abs().max() * 32767).to(torch.int16).numpy().tobytes())


def write_speech(folder, digits=10, takes=(0, 5, 6)):
    folder.mkdir()
    for digit in range(digits):
        for take in takes:
            write_wav(folder / f"{digit}_ann_{take}.wav", synthesize(digit, take))
    return folder


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


def test_svhn_files_are_read_and_damaged_ones_refused(tmp_path):
    folder = write_svhn(tmp_path / "svhn")
    train, test, classes = Svhn(str(folder)).load()
    assert (train.x.shape, test.x.shape, classes) == ((40, 3, 32, 32), (40, 3, 32, 32), 10)
    assert train.y.tolist() == [(1 + i) % 10 for i in range(40)]
    (folder / "test_32x32.mat").write_bytes((folder / "test_32x32.mat").read_bytes()[:5000])
    with pytest.raises(InputError, match="corrupt or unreadable"):
        Svhn(str(folder)).load()
    with pytest.raises(InputError, match="no such file"):
        Svhn(str(tmp_path)).load()


def test_recordings_are_split_by_take(tmp_path):
    train, validation, classes = Speech(str(write_speech(tmp_path / "wav"))).load()
    assert (train.x.shape, validation.x.shape, classes) == ((20, 64, 40), (10, 64, 40), 10)
    assert validation.y.tolist() == [*range(10)]
    with pytest.raises(InputError, match="needs a folder of recordings"):
        Speech().load()
    with pytest.raises(InputError, match="takes below 5 and from 5"):
        Speech(str(write_speech(tmp_path / "few", takes=(7,)))).load()


def test_a_bad_recording_is_refused_with_the_reason(tmp_path):
    (tmp_path / "0_ann_0.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"0_ann_0\.wav: unreadable"):
        Speech(str(tmp_path)).load()
    write_wav(tmp_path / "0_ann_0.wav", torch.ones(64), channels=2)
    with pytest.raises(InputError, match="not 16-bit mono"):
        Speech(str(tmp_path)).load()


def test_a_tone_has_most_energy_in_its_mel_band(tmp_path):
    """1,000 mel is 1,000 Hz; bands are 2,146/41 mel apart up to 4 kHz."""
    write_wav(tmp_path / "tone.wav", torch.sin(2 * math.pi * 1000 * torch.arange(9000) / 8000))
    features = log_mel(*read_wav(tmp_path / "tone.wav"))
    assert features.shape == (64, 40)
    top = 2595 * math.log10(1 + 4000 / 700)
    assert abs(features.mean(0).argmax().item() + 1 - 1000 / top * 41) <= 1


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
