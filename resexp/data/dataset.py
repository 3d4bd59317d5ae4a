"""What every data set gives: tensors that lie on the device, from which a batch is an index."""

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
    """Raw inputs (N, *shape), of any real type, and targets (N,) int64.

    Inputs of int64 are symbols, (N, T), and each has a target of its own, (N, T).
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: Tensor) -> "Split":
        """The samples at `index`."""
        return Split(self.x[index], self.y[index])


class Dataset(Protocol):
    """Where samples come from."""

    def load(self) -> tuple[Split, Split, int]:
        """Training split, validation split, number of classes. Raises InputError where the files are not right."""


@dataclass(frozen=True)
class Data:
    """A data set on its device. Inputs stay as stored; the train set's statistics standardize them as they are read.

    Attributes:
        train, validation: the splits.
        classes: number of classes.
        mean, scale: per channel for (C, H, W) samples, else a single number.
        augment: what happens to a batch of raw training pictures.

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
        """Whether samples are sequences of symbols, each with a target of its own."""
        return self.train.x.dtype == torch.int64

    def standardize(self, x: Tensor) -> Tensor:
        """(…, *shape) → zero mean and unit variance over the train set, in the precision of `mean`; not of symbols."""
        if self.is_tokens:
            return x
        return (x.to(self.mean.dtype) - self.mean) * self.scale

    def to(self, device: torch.device) -> "Data":
        """The same on another device."""
        train, validation = (Split(s.x.to(device), s.y.to(device)) for s in (self.train, self.validation))
        mean, scale = self.mean.to(device), self.scale.to(device)
        return replace(self, train=train, validation=validation, mean=mean, scale=scale)


def prepare(dataset: Dataset, dtype: torch.dtype) -> Data:
    """Load and measure a data set, on the CPU."""
    train, validation, classes = dataset.load()
    symbols = train.x.dtype == torch.int64
    mean, scale = (torch.zeros(()), torch.ones(())) if symbols else _statistics(train.x)
    augment = getattr(dataset, "augment", NO_CHANGE)
    return Data(train, validation, classes, mean.to(dtype), scale.to(dtype), augment)


def _statistics(x: Tensor, chunk: int = 4096) -> tuple[Tensor, Tensor]:
    """Mean and 1/standard deviation per channel (C, 1, 1), or of all values, without a copy of the whole.

    Sums of bytes and of their squares are exact in float64, whatever their order and the number of threads.
    """
    dims = [0, 2, 3] if x.ndim == 4 else list(range(x.ndim))
    count = x.numel() // (x.shape[1] if x.ndim == 4 else 1)
    parts = (part.double() for part in x.split(chunk))
    sums = torch.stack(
        [torch.stack([p.sum(dims, keepdim=True)[0], p.square().sum(dims, keepdim=True)[0]]) for p in parts]
    )
    mean, square = sums.sum(0) / count
    return mean, (square - mean**2).clamp_min(0).sqrt().clamp_min(1e-12).reciprocal()


def hold_out(samples: Split, share: float = 0.2) -> tuple[Split, Split]:
    """A train/validation split, the same for every seed, where a data set ships none."""
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(key("held out")))
    held = round(share * len(samples))
    return samples.take(order[held:]), samples.take(order[:held])


class Batches:
    """The batch order of each replicate: a pure function of (seed, step).

    Every epoch is a fresh permutation from (seed, epoch), cut into whole batches; what is left over waits for the next.
    """

    def __init__(self, samples: int, batch_size: int, seeds: tuple[int, ...], device: torch.device) -> None:
        self.samples, self.batch_size, self.seeds, self.device = samples, batch_size, seeds, device
        self.per_epoch = samples // batch_size
        self._epoch = -1

    def __call__(self, step: int) -> Tensor:
        """Indices into the train split, (R, B)."""
        epoch, batch = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            orders = [torch.randperm(self.samples, generator=self._generator(seed, epoch)) for seed in self.seeds]
            self._order_RN, self._epoch = torch.stack(orders).to(self.device), epoch
        return self._order_RN[:, batch * self.batch_size : (batch + 1) * self.batch_size]

    @staticmethod
    def _generator(seed: int, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(key(seed, "epoch", epoch))
