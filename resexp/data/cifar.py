"""CIFAR-10 and CIFAR-100, in the binary version, which unlike the Python version contains no pickles."""

from dataclasses import dataclass
from pathlib import Path

import torch

from resexp.config.errors import InputError, nearest
from resexp.data.dataset import Split
from resexp.data.download import cached
from resexp.data.transforms import Augment


@dataclass(frozen=True)
class Archive:
    """An archive of binary files, whose records are label bytes and an image.

    Attributes:
        url: the address of the archive.
        md5: its checksum.
        folder: the folder in the archive.
        train: the files of the train split.
        test: the files of the test split.
        labels: label bytes of a record; the last one is the class.
        classes: number of classes.

    """

    url: str
    md5: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    labels: int
    classes: int


HOME = "https://www.cs.toronto.edu/~kriz"
ARCHIVES = {
    "CIFAR10": Archive(
        url=f"{HOME}/cifar-10-binary.tar.gz",
        md5="c32a1d4ab5d03f1284b67883e8d87530",
        folder="cifar-10-batches-bin",
        train=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        test=("test_batch.bin",),
        labels=1,
        classes=10,
    ),
    "CIFAR100": Archive(
        url=f"{HOME}/cifar-100-binary.tar.gz",
        md5="03b5dce01913d631647c71ecec9e9cb8",
        folder="cifar-100-binary",
        train=("train.bin",),
        test=("test.bin",),
        labels=2,
        classes=100,
    ),
}
IMAGE = (3, 32, 32)


class Cifar:
    """CIFAR10 or CIFAR100: 50,000 + 10,000 color images of 32×32 pixels in 10 or 100 classes. Krizhevsky 2009.

    Args:
        archive: CIFAR10 or CIFAR100.
        path: a folder of the .bin files; null: download the archive.
        crop: zero pixels of padding for random crops of training images.
        flip: mirror half of the training images.

    """

    def __init__(self, archive: str, path: str | None = None, crop: int = 0, flip: bool = False) -> None:
        if archive not in ARCHIVES:
            raise InputError(f"dataset.archive={archive}: no such archive{nearest(archive, ARCHIVES)}")
        self.archive, self.path = ARCHIVES[archive], path
        self.name, self.augment = archive, Augment(crop, flip)

    def load(self) -> tuple[Split, Split, int]:
        """Return the train and test splits, (N, 3, 32, 32) uint8, and the number of classes."""
        folder = Path(self.path).expanduser() if self.path else cached(self.name, self._download)
        return self._split(folder, self.archive.train), self._split(folder, self.archive.test), self.archive.classes

    def _download(self, scratch: Path) -> Path:
        from torchvision.datasets.utils import download_and_extract_archive

        download_and_extract_archive(self.archive.url, str(scratch), md5=self.archive.md5)
        return scratch / self.archive.folder

    def _split(self, folder: Path, files: tuple[str, ...]) -> Split:
        size = self.archive.labels + 3 * 32 * 32
        content = bytearray()
        for name in files:
            try:
                part = (folder / name).read_bytes()
            except OSError as error:
                raise InputError(f"{folder / name}: {error.strerror}") from None
            if not part or len(part) % size:
                raise InputError(
                    f"{folder / name}: corrupt: {len(part)} bytes are not a whole number of {size}-byte records"
                )
            content += part
        records = torch.frombuffer(content, dtype=torch.uint8).view(-1, size)
        y = records[:, self.archive.labels - 1].long()
        if y.max() >= self.archive.classes:
            raise InputError(f"{folder}: corrupt: a label of {int(y.max())} among {self.archive.classes} classes")
        return Split(records[:, self.archive.labels :].reshape(-1, *IMAGE), y)
