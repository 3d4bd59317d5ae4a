"""Normalizers, each with a fault of its own. Tests copy this file to a directory of user classes."""

import ctypes
import os
import signal
import time

import torch


class Raises(torch.nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not x.is_meta:
            self.fault(x)
        return x

    def fault(self, x: torch.Tensor) -> None:
        raise RuntimeError("out of luck")


class Killed(Raises):
    def fault(self, x):
        os.kill(os.getpid(), signal.SIGKILL)


class Segfaults(Raises):
    def fault(self, x):
        ctypes.string_at(0)


class Exits(Raises):
    def fault(self, x):
        os._exit(3)


class Hangs(Raises):
    def fault(self, x):
        time.sleep(10_000)


class Eats(Raises):
    """Allocates memory until none is left."""

    def fault(self, x):
        tensors = []
        while True:
            tensors.append(torch.ones(2**26))


class Large(Raises):
    """Allocates half a gigabyte per replicate, for a moment."""

    def fault(self, x):
        x.flatten()[:1].expand(2**27).clone()


class Fickle(Raises):
    """Raises if a file `fail` exists."""

    def fault(self, x):
        if os.path.exists("fail"):
            raise RuntimeError("out of luck")
