"""Data sets as tensors on the device, standardization, and the order of batches."""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from resexp.data.transforms import Augment
from resexp.seeding import key

NO_CHANGE = Augment()

# Shapes: N samples, R replicates, B batch.


@dataclass(frozen=True)
class Split:
    """Samples and their targets.

    Attributes:
        x: inputs (N, *shape) of any real type, not standardized; int64 inputs are tokens, (N, T).
        y: int64 targets (N,); of tokens (N, T).

    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: Tensor) -> "Split":
        """Return the samples at `index`."""
        return Split(self.x[index], self.y[index])


class Dataset(Protocol):
    """A source of samples."""

    def load(self) -> tuple[Split, Split, int]:
        """Return the training split, the validation split and the number of classes.

        Raises:
            InputError: the files are missing or damaged.

        """


@dataclass(frozen=True)
class Data:
    """A data set on a device. Inputs are stored raw, and standardized when a batch is read.

    Attributes:
        train: the training split.
        validation: the validation split.
        classes: number of classes; of tokens the size of the vocabulary.
        mean: mean of the training inputs, per channel (C, 1, 1) for (C, H, W) samples, else a single number.
        scale: 1/standard deviation of the training inputs, of the same shape.
        augment: random changes of the raw training images of a batch.

    """

    train: Split
    validation: Split
    classes: int
    mean: Tensor
    scale: Tensor
    augment: Augment = NO_CHANGE

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return tuple(self.train.x.shape[1:])

    @property
    def is_tokens(self) -> bool:
        """True if samples are sequences of tokens, with one target per token."""
        return self.train.x.dtype == torch.int64

    def standardize(self, x: Tensor) -> Tensor:
        """Shift and scale inputs (…, *shape) to mean 0 and variance 1 over the training split; tokens stay as they are.

        The result has the precision of `mean`.
        """
        if self.is_tokens:
            return x
        return (x.to(self.mean.dtype) - self.mean) * self.scale

    def to(self, device: torch.device) -> "Data":
        """Copy to `device`."""
        train, validation = (Split(s.x.to(device), s.y.to(device)) for s in (self.train, self.validation))
        mean, scale = self.mean.to(device), self.scale.to(device)
        return replace(self, train=train, validation=validation, mean=mean, scale=scale)


def prepare(dataset: Dataset, dtype: torch.dtype) -> Data:
    """Load a data set on the CPU, with statistics of type `dtype`. Raises InputError as its `load` does."""
    train, validation, classes = dataset.load()
    is_tokens = train.x.dtype == torch.int64
    mean, scale = (torch.zeros(()), torch.ones(())) if is_tokens else _statistics(train.x)
    augment = getattr(dataset, "augment", NO_CHANGE)
    return Data(train, validation, classes, mean.to(dtype), scale.to(dtype), augment)


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and 1/standard deviation per channel (C, 1, 1), or of all values, chunk by chunk.

    Sums of bytes and of their squares are exact in float64, in any order and with any number of threads.
    """
    dims = [0, 2, 3] if x.ndim == 4 else list(range(x.ndim))
    count = x.numel() // (x.shape[1] if x.ndim == 4 else 1)
    parts = (part.double() for part in x.split(4096))
    sums = torch.stack(
        [torch.stack([p.sum(dims, keepdim=True)[0], p.square().sum(dims, keepdim=True)[0]]) for p in parts]
    )
    mean, square = sums.sum(0) / count
    return mean, (square - mean**2).clamp_min(0).sqrt().clamp_min(1e-12).reciprocal()


def hold_out(samples: Split) -> tuple[Split, Split]:
    """Split samples into training and validation, with a fifth of them held out; the same for every seed."""
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(key("held out")))
    held_out = round(0.2 * len(samples))
    return samples.take(order[held_out:]), samples.take(order[:held_out])


class Batches:
    """The batches of each replicate, a pure function of (seed, step).

    An epoch is a permutation drawn from (seed, epoch) and cut into batches; the samples that are left over are skipped.
    """

    def __init__(self, samples: int, batch_size: int, seeds: tuple[int, ...], device: torch.device) -> None:
        self.samples, self.batch_size, self.seeds, self.device = samples, batch_size, seeds, device
        self.per_epoch = samples // batch_size
        self._epoch = -1

    def __call__(self, step: int) -> Tensor:
        """Return the indices (R, B) into the training split at a step."""
        epoch, batch = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            orders = [torch.randperm(self.samples, generator=self._generator(seed, epoch)) for seed in self.seeds]
            self._order_RN, self._epoch = torch.stack(orders).to(self.device), epoch
        return self._order_RN[:, batch * self.batch_size : (batch + 1) * self.batch_size]

    @staticmethod
    def _generator(seed: int, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(key(seed, "epoch", epoch))
