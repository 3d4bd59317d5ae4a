"""Street View House Numbers."""

from pathlib import Path

import torch

from resexp.config.errors import InputError
from resexp.data.dataset import Split
from resexp.data.download import cached
from resexp.data.transforms import Augment


class Svhn:
    """73,257 + 26,032 pictures of digits (Netzer 2011), downloaded; or train_32x32.mat and test_32x32.mat in `path`."""

    def __init__(self, path: str | None = None, crop: int = 0, flip: bool = False) -> None:
        self.path, self.augment = path, Augment(crop, flip)

    def load(self) -> tuple[Split, Split, int]:
        """The shipped train and test splits, (N, 3, 32, 32) bytes, and 10 classes."""
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
            raise ValueError("not pictures with digits")
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except Exception as error:  # of a damaged file, the reader raises whatever it trips over
        raise InputError(f"{file}: corrupt or unreadable ({' '.join(str(error).split())})") from None
    return Split(x.permute(3, 2, 0, 1).contiguous(), y % 10)  # the file calls the digit 0 class 10
