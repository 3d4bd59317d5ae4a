"""MNIST and data sets in its IDX format."""

import gzip
import math
import zlib
from pathlib import Path

import torch
from torch import Tensor

from resexp.config.errors import InputError, nearest
from resexp.data.dataset import Split
from resexp.data.download import cached
from resexp.data.transforms import Augment

ARCHIVES = ("MNIST", "FashionMNIST", "KMNIST")


class Idx:
    """MNIST, FashionMNIST or KMNIST: 60,000 + 10,000 gray images of 28×28 pixels, 10 classes.

    LeCun 1998; Xiao 2017 (1708.07747); Clanuwat 2018 (1812.01718).

    Args:
        archive: the name of the data set in torchvision.
        path: a folder of the raw files, gzipped or not; null: download them.
        crop: zero pixels of padding for random crops of training images.
        flip: mirror half of the training images.

    """

    def __init__(self, archive: str, path: str | None = None, crop: int = 0, flip: bool = False) -> None:
        if archive not in ARCHIVES:
            raise InputError(f"dataset.archive={archive}: no such archive{nearest(archive, ARCHIVES)}")
        self.archive, self.path, self.augment = archive, path, Augment(crop, flip)

    def load(self) -> tuple[Split, Split, int]:
        """Return the train and test splits, (N, 28, 28) uint8, and the number of classes."""
        folder = Path(self.path).expanduser() if self.path else cached(self.archive, self._download)
        train, test = (
            _split(folder, f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")
        )
        if train.x.shape[1:] != test.x.shape[1:]:
            raise InputError(f"{folder}: train and test images differ in size")
        return train, test, int(max(train.y.max(), test.y.max())) + 1

    def _download(self, scratch: Path) -> Path:
        from torchvision import datasets

        return Path(getattr(datasets, self.archive)(scratch, download=True).raw_folder)


def _split(folder: Path, images: str, labels: str) -> Split:
    x, y = read_idx(folder, images, 3), read_idx(folder, labels, 1)
    if len(x) != len(y):
        raise InputError(f"{folder}: {len(x)} images in {images} but {len(y)} labels in {labels}")
    return Split(x, y.long())


def read_idx(folder: Path, name: str, ndim: int) -> Tensor:
    """Read an IDX file, or its gzipped form, as a uint8 tensor of `ndim` dimensions.

    The format: two zero bytes, the type (8 = unsigned byte), the number of dimensions, their sizes as big-endian 32-bit
    integers, the data.

    Raises:
        InputError: the file is missing, of another type, truncated or empty.

    """
    plain, zipped = folder / name, folder / f"{name}.gz"
    file = plain if plain.is_file() else zipped
    try:
        with (gzip.open if file == zipped else open)(file, "rb") as stream:
            content = bytearray(stream.read())
    except FileNotFoundError:
        raise InputError(f"{folder}: no {name} or {name}.gz") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file}: corrupt or unreadable ({error})") from None
    header = 4 + 4 * ndim
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4))
    if len(content) < header or content[:4] != bytes((0, 0, 8, ndim)):
        raise InputError(f"{file}: not an IDX file of {ndim} dimensions of bytes")
    if len(content) != header + math.prod(shape):
        raise InputError(f"{file}: corrupt: expected {header + math.prod(shape)} bytes, not {len(content)}")
    if not math.prod(shape):
        raise InputError(f"{file}: empty")
    return torch.frombuffer(content, dtype=torch.uint8, offset=header).view(shape)
