"""Spoken digits, recorded or synthesized, as log-mel features."""

import math
import re
import wave
from pathlib import Path

import torch
from torch import Tensor

from resexp.config.errors import InputError
from resexp.data.dataset import Split
from resexp.seeding import key

WINDOW, HOP, BANDS, FRAMES = 256, 128, 40, 64
HELD_OUT = 5
"""Takes numbered below this are the validation split, as the authors of the data set define it."""


class Speech:
    """Recordings of spoken digits as log-mel features (64 frames, 40 bands), 10 classes.

    The Free Spoken Digit Dataset (https://github.com/Jakobovski/free-spoken-digit-dataset, folder recordings/) has
    2,700 + 300 of them at 8 kHz. A frame is a window of 256 samples; frames start every 128 samples.

    Args:
        path: a folder of 16-bit mono files `<digit>_<speaker>_<take>.wav`.

    """

    def __init__(self, path: str | None = None) -> None:
        self.path = path

    def load(self) -> tuple[Split, Split, int]:
        """Return the splits, (N, 64, 40) float32, and 10 classes."""
        if self.path is None:
            raise InputError(
                "dataset.path=null: speech needs a folder of recordings, for example that of"
                " https://github.com/Jakobovski/free-spoken-digit-dataset"
            )
        folder = Path(self.path).expanduser()
        parts: tuple[list[tuple[Tensor, int]], ...] = ([], [])
        for file in sorted(folder.glob("*.wav")):
            if name := re.fullmatch(r"(\d)_.+_(\d+)", file.stem):
                parts[int(name[2]) < HELD_OUT].append((log_mel(*read_wav(file)), int(name[1])))
        if not all(parts):
            raise InputError(
                f"{folder}: expected files <digit>_<speaker>_<take>.wav with takes below {HELD_OUT} and from {HELD_OUT}"
            )
        train, validation = (Split(torch.stack([x for x, _ in p]), torch.tensor([y for _, y in p])) for p in parts)
        return train, validation, 10


class SyntheticSpeech:
    """320 + 80 synthesized sounds as log-mel features (64, 40), 10 classes: a substitute for speech without files.

    A class is a glide of two formants; each is generated in 40 voices.
    """

    def load(self) -> tuple[Split, Split, int]:
        """Return splits of 320 and 80 samples (N, 64, 40) float32, and 10 classes."""
        y = torch.arange(400) % 10
        x = torch.stack([log_mel(synthesize(int(digit), voice // 10), 8000) for voice, digit in enumerate(y)])
        return Split(x[:320], y[:320]), Split(x[320:], y[320:]), 10


def synthesize(digit: int, voice: int) -> Tensor:
    """Synthesize half a second at 8 kHz, (4000,): harmonics of a pitch under two gliding formants."""
    random = torch.Generator().manual_seed(key("voice", digit, voice))
    pitch, size, noise = (100 + 120 * torch.rand(1, generator=random)).item(), *torch.rand(2, generator=random).tolist()
    ends = torch.rand(4, generator=torch.Generator().manual_seed(key("digit", digit)))
    time = torch.arange(4000) / 8000
    formants = [(300 + 500 * (ends[i] + (ends[i + 1] - ends[i]) * time * 2)) * (1 + i) for i in (0, 2)]
    sound: Tensor = 0.02 * (1 + noise) * torch.randn(4000, generator=random)
    for harmonic in range(1, int(3800 / pitch)):
        near = sum(torch.exp(-(((harmonic * pitch - f * (0.9 + 0.2 * size)) / 120) ** 2)) for f in formants)
        sound += near * torch.sin(2 * math.pi * harmonic * pitch * time)
    return sound


def read_wav(file: Path) -> tuple[Tensor, int]:
    """Read the samples (N,), in [−1, 1), and their rate in Hz. Raises InputError if not a 16-bit mono WAV file."""
    try:
        with wave.open(str(file)) as stream:
            rate, content = stream.getframerate(), stream.readframes(stream.getnframes())
            if (stream.getsampwidth(), stream.getnchannels()) != (2, 1) or not content:
                raise wave.Error("not 16-bit mono")
    except (OSError, EOFError, wave.Error) as error:
        raise InputError(f"{file}: unreadable ({error})") from None
    return torch.frombuffer(bytearray(content), dtype=torch.int16).float() / 2**15, rate


def log_mel(sound: Tensor, rate: int) -> Tensor:
    """Return ln of the energies in mel bands, (64 frames, 40 bands), of a sound (N,) cut or padded with zeros."""
    length = (FRAMES - 1) * HOP + WINDOW
    sound = torch.nn.functional.pad(sound[:length], (0, max(0, length - len(sound))))
    frames = sound.unfold(0, WINDOW, HOP) * torch.hann_window(WINDOW)
    power: Tensor = torch.fft.rfft(frames).abs().square()
    energies: Tensor = power @ _bands(rate)
    return (energies + 1e-6).log()


def _bands(rate: int) -> Tensor:
    """Return triangular filters (frequencies, bands), spaced evenly in mel = 2595 log₁₀(1 + f/700)."""
    frequency = torch.linspace(0, rate / 2, WINDOW // 2 + 1)
    mel = torch.linspace(0, 2595 * math.log10(1 + rate / 1400), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    rising = (frequency[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency[:, None]) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp_min(0)
