"""Handwritten digits, as shipped with scikit-learn."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from resexp.config.errors import InputError
from resexp.data.dataset import Split, hold_out


class Digits:
    """1,438 + 359 images of handwritten digits, 8×8 pixels in 17 gray levels, 10 classes.

    The test set of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin 1998), a fifth held out.
    """

    def load(self) -> tuple[Split, Split, int]:
        """Return splits of 1,438 and 359 samples (N, 8, 8) uint8, and 10 classes."""
        spec = find_spec("sklearn")  # not imported: importing scikit-learn takes seconds
        if spec is None or spec.origin is None:
            raise InputError("dataset=digits: needs scikit-learn, which is not installed")
        file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
        try:
            with gzip.open(file, "rt") as lines:
                table = torch.from_numpy(np.loadtxt(lines, delimiter=",", dtype=np.uint8))
        except (OSError, EOFError, ValueError) as error:
            raise InputError(f"dataset=digits: {file} is corrupt or unreadable ({error})") from None
        train, validation = hold_out(Split(table[:, :-1].reshape(-1, 8, 8), table[:, -1].long()))
        return train, validation, 10
