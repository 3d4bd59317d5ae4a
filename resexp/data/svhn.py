"""Street View House Numbers."""

from pathlib import Path

import torch

from resexp.config.errors import InputError, message_lines
from resexp.data.dataset import Split
from resexp.data.download import cached
from resexp.data.transforms import Augment


class Svhn:
    """73,257 + 26,032 color images of house numbers, 32×32 pixels, 10 classes, the digits. Netzer 2011.

    Args:
        path: a folder of train_32x32.mat and test_32x32.mat; null: download them.
        crop: zero pixels of padding for random crops of training images.
        flip: mirror half of the training images.

    """

    def __init__(self, path: str | None = None, crop: int = 0, flip: bool = False) -> None:
        self.path, self.augment = path, Augment(crop, flip)

    def load(self) -> tuple[Split, Split, int]:
        """Return the train and test splits, (N, 3, 32, 32) uint8, and 10 classes."""
        folder = Path(self.path).expanduser() if self.path else cached("SVHN", self._download)
        return _split(folder / "train_32x32.mat"), _split(folder / "test_32x32.mat"), 10

    @staticmethod
    def _download(scratch: Path) -> Path:
        from torchvision.datasets import SVHN

        for split in ("train", "test"):
            SVHN(str(scratch / "files"), split=split, download=True)
        return scratch / "files"


def _split(file: Path) -> Split:
    from scipy.io import loadmat

    try:
        with file.open("rb") as stream:
            content = loadmat(stream, variable_names=["X", "y"])
        x, y = torch.from_numpy(content["X"]), torch.from_numpy(content["y"]).flatten().long()
        if x.dtype != torch.uint8 or x.ndim != 4 or x.shape[3] != len(y) or not y.lt(11).all():
            raise ValueError("not images with digits")
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except Exception as error:  # the reader raises errors of any type on damaged files
        raise InputError(f"{file}: corrupt or unreadable ({' '.join(message_lines(error))})") from None
    return Split(x.permute(3, 2, 0, 1).contiguous(), y % 10)  # class 10 of the file is the digit 0
