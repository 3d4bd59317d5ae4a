"""Writers of small data files in the formats of the data sets."""

import gzip
import wave

import numpy as np
import torch
from scipy.io import savemat

from resexp.data.cifar import ARCHIVES
from resexp.data.speech import synthesize

LETTERS = "".join(chr(97 + i * i % 23) for i in range(3000))


def idx_bytes(array):
    shape = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes((0, 0, 8, array.ndim)) + shape + array.astype(np.uint8).tobytes()


def write_idx(folder, train=40, test=10, size=6, *, zipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        labels = np.arange(count) % 10
        images = rng.integers(0, 256, (count, size, size))
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            content = idx_bytes(array)
            (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(content) if zipped else content)
    return folder


def write_cifar(folder, name, records=4):
    archive = ARCHIVES[name]
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for file in (*archive.train, *archive.test):
        table = rng.integers(0, 256, (records, archive.labels + 3072)).astype(np.uint8)
        table[:, : archive.labels] = rng.integers(0, 10, (records, archive.labels))
        (folder / file).write_bytes(table.tobytes())
    return folder


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
