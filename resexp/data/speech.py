"""Spoken digits."""

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
"""Takes 0 to 4 of each speaker and digit are the validation split, as the set's authors have it."""


class Speech:
    """Recordings `<digit>_<speaker>_<take>.wav` in the folder `path`, as log-mel features; 16-bit mono.

    The Free Spoken Digit Dataset (https://github.com/Jakobovski/free-spoken-digit-dataset, its folder recordings/) has
    3,000 at 8 kHz. Features: 40 mel bands of windows of 256 samples, every 128, cut or padded to 64 frames.
    """

    def __init__(self, path: str | None = None) -> None:
        self.path = path

    def load(self) -> tuple[Split, Split, int]:
        """Splits (N, 64, 40) float32, and 10 classes."""
        if self.path is None:
            raise InputError(
                "dataset.path=null: speech needs a folder of recordings, as"
                " https://github.com/Jakobovski/free-spoken-digit-dataset has them"
            )
        folder = Path(self.path).expanduser()
        parts: tuple[list[tuple[Tensor, int]], ...] = ([], [])
        for file in sorted(folder.glob("*.wav")):
            if name := re.fullmatch(r"(\d)_.+_(\d+)", file.stem):
                parts[int(name[2]) < HELD_OUT].append((log_mel(*read_wav(file)), int(name[1])))
        if not all(parts):
            raise InputError(f"{folder}: needs <digit>_<speaker>_<take>.wav with takes below and from {HELD_OUT}")
        train, validation = (Split(torch.stack([x for x, _ in p]), torch.tensor([y for _, y in p])) for p in parts)
        return train, validation, 10


class SyntheticSpeech:
    """A stand-in for speech that needs no files: ten glides of two formants, 40 voices each. It is not speech."""

    def load(self) -> tuple[Split, Split, int]:
        """Splits of 320 and 80 samples (N, 64, 40), and 10 classes."""
        y = torch.arange(400) % 10
        x = torch.stack([log_mel(synthesize(int(digit), voice // 10), 8000) for voice, digit in enumerate(y)])
        return Split(x[:320], y[:320]), Split(x[320:], y[320:]), 10


def synthesize(digit: int, voice: int) -> Tensor:
    """Half a second at 8 kHz, (4000,): harmonics of a voice's pitch, shaped by two formants that a digit moves."""
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
    """Samples (N,) in [−1, 1) and their rate in Hz. Raises InputError unless it is a 16-bit mono WAV file."""
    try:
        with wave.open(str(file)) as stream:
            rate, content = stream.getframerate(), stream.readframes(stream.getnframes())
            if (stream.getsampwidth(), stream.getnchannels()) != (2, 1) or not content:
                raise wave.Error("not 16-bit mono")
    except (OSError, EOFError, wave.Error) as error:
        raise InputError(f"{file}: unreadable ({error})") from None
    return torch.frombuffer(bytearray(content), dtype=torch.int16).float() / 2**15, rate


def log_mel(sound: Tensor, rate: int) -> Tensor:
    """ln of the energies in triangular mel bands, (64 frames, 40 bands); what is missing at the end is silence."""
    needed = (FRAMES - 1) * HOP + WINDOW
    sound = torch.nn.functional.pad(sound[:needed], (0, max(0, needed - len(sound))))
    frames = sound.unfold(0, WINDOW, HOP) * torch.hann_window(WINDOW)
    power: Tensor = torch.fft.rfft(frames).abs().square()
    energies: Tensor = power @ _bands(rate)
    return (energies + 1e-6).log()


def _bands(rate: int) -> Tensor:
    """Triangles that overlap by half, evenly spaced in mel = 2595 log₁₀(1 + f/700); (frequencies, bands)."""
    frequency = torch.linspace(0, rate / 2, WINDOW // 2 + 1)
    mel = torch.linspace(0, 2595 * math.log10(1 + rate / 1400), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    rising = (frequency[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency[:, None]) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp_min(0)
