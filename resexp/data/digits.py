"""The digits that scikit-learn carries."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from resexp.config.errors import InputError
from resexp.data.dataset import Split, hold_out


class Digits:
    """1,797 handwritten 8×8 digits in 17 gray levels (the test part of UCI's optdigits); a fifth is held out."""

    def load(self) -> tuple[Split, Split, int]:
        """Splits of 1,438 and 359 samples (N, 8, 8), and 10 classes."""
        spec = find_spec("sklearn")  # its file alone is read: importing scikit-learn would take seconds
        if spec is None or spec.origin is None:
            raise InputError("dataset=digits: scikit-learn, which carries it, is not installed")
        file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
        try:
            with gzip.open(file, "rt") as lines:
                table = torch.from_numpy(np.loadtxt(lines, delimiter=",", dtype=np.uint8))
        except (OSError, EOFError, ValueError) as error:
            raise InputError(f"dataset=digits: {file} cannot be read ({error})") from None
        train, validation = hold_out(Split(table[:, :-1].reshape(-1, 8, 8), table[:, -1].long()))
        return train, validation, 10
