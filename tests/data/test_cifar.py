"""CIFAR files: contents, and errors for damaged files."""

import numpy as np
import pytest
import torch

from resexp.config.errors import InputError
from resexp.data.cifar import ARCHIVES, Cifar
from resexp.data.dataset import prepare
from tests.data.files import write_cifar


@pytest.mark.parametrize("name", ARCHIVES)
def test_cifar_files_are_read_as_documented(tmp_path, name):
    folder = write_cifar(tmp_path / "cifar", name)
    data = prepare(Cifar(name, str(folder)), torch.float32)
    assert data.shape == (3, 32, 32)
    assert data.mean.shape == (3, 1, 1)
    raw = np.frombuffer((folder / ARCHIVES[name].train[0]).read_bytes(), np.uint8)
    assert data.train.y[0] == raw[ARCHIVES[name].labels - 1]
    assert data.train.x[0, 1, 0, 3] == raw[ARCHIVES[name].labels + 1024 + 3]
    x = data.standardize(data.train.x)
    assert x.mean((0, 2, 3)).abs().max() < 1e-4
    (folder / ARCHIVES[name].test[0]).write_bytes(b"short")
    with pytest.raises(InputError, match="corrupt"):
        Cifar(name, str(folder)).load()


def test_a_cifar_label_out_of_range_is_refused(tmp_path):
    folder = write_cifar(tmp_path / "cifar", "CIFAR10")
    file = folder / "test_batch.bin"
    file.write_bytes(b"\xff" + file.read_bytes()[1:])
    with pytest.raises(InputError, match="a label of 255"):
        Cifar("CIFAR10", str(folder)).load()
