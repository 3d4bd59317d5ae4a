"""Random numbers as a pure function of names."""

import contextlib
import hashlib
import random
from collections.abc import Iterator


def key(*parts: object) -> int:
    """Return a 63-bit seed for a path of names, the same on every machine and in every process."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8], "big") >> 1


@contextlib.contextmanager
def seeded(*parts: object) -> Iterator[None]:
    """Seed torch's generator of the CPU, NumPy's and Python's for the block; restore their states afterwards."""
    import numpy as np
    import torch

    states = random.getstate(), np.random.get_state()
    seed = key(*parts)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)
            random.seed(seed)
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
