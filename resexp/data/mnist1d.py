"""MNIST-1D, generated."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from resexp.data.dataset import Split
from resexp.seeding import key

TEMPLATES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
"""The digits 0 to 9, each as horizontal positions from the bottom to the top."""

LENGTH, PADDING, SHIFT, SCALE, SHEAR, SIZE = 40, (36, 60), 48, 0.4, 0.75, 1 / 6
CORRELATED, INDEPENDENT, BLUR = 0.25, 0.02, 2.0


class Mnist1d:
    """4,000 + 1,000 curves of 40 points in 10 classes, the digits. Greydanus 2020 (2011.14439).

    Each curve is padded, resampled, scaled, shifted, sheared, and noise is added, as in the paper. The samples differ
    from those of the paper's file, which come from another generator.
    """

    def load(self) -> tuple[Split, Split, int]:
        """Return splits of 4,000 and 1,000 samples (N, 40) float32, and 10 classes."""
        random = np.random.default_rng(key("mnist1d"))
        curves = np.array(TEMPLATES)
        curves = (curves - curves.mean(1, keepdims=True)) / curves.std(1, keepdims=True)
        curves = SIZE * (curves - curves[:, :1])
        y = np.arange(5000) % 10
        random.shuffle(y)
        x = np.stack([_sample(curves[digit], random) for digit in y])
        samples = Split(torch.from_numpy(x).float(), torch.from_numpy(y))
        train, validation = torch.arange(5000).split([4000, 1000])
        return samples.take(train), samples.take(validation), 10


def _sample(curve: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Draw a sample (40,) of a digit's curve."""
    drawn = np.concatenate([np.ones(len(curve)), np.zeros(random.integers(*PADDING, endpoint=True))])
    x, drawn = (_resample(v, len(curve) + PADDING[1]) for v in (np.pad(curve, (0, len(drawn) - len(curve))), drawn))
    x *= 1 + SCALE * (random.random() - 0.5)
    shift = random.integers(SHIFT)
    x, drawn = np.roll(x, shift), np.roll(drawn, shift)
    x = np.where(drawn > 0, x, gaussian_filter1d(random.normal(0, CORRELATED, len(x)), BLUR))
    x += random.normal(0, INDEPENDENT, len(x))
    return _resample(x - SHEAR * (random.random() - 0.5) * np.linspace(-0.5, 0.5, len(x)), LENGTH)


def _resample(x: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(x)), x)
