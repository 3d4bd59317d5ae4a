"""Recordings and their log-mel features."""

import math

import pytest
import torch

from resexp.config.errors import InputError
from resexp.data.speech import Speech, log_mel, read_wav
from tests.data.files import write_speech, write_wav


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
