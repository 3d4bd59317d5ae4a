"""Digits, IDX and CIFAR files: their contents, standardization, and errors for damaged files."""

import gzip
import re
import shutil

import numpy as np
import pytest
import torch

from resexp.build import factory, load_data
from resexp.config.errors import InputError
from resexp.data.cifar import ARCHIVES, Cifar
from resexp.data.dataset import Split, prepare
from resexp.data.idx import Idx, read_idx


def idx_bytes(array):
    shape = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes((0, 0, 8, array.ndim)) + shape + array.astype(np.uint8).tobytes()


def write_idx(folder, train=40, test=10, size=6, *, zipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        labels = np.arange(count) % 10
        images = rng.integers(0, 256, (count, size, size))
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            content = idx_bytes(array)
            (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(content) if zipped else content)
    return folder


def test_digits_are_standardized_and_no_sample_is_in_both_splits(cell):
    data = load_data(cell())
    assert (len(data.train), len(data.validation), data.classes, data.shape) == (1438, 359, 10, (8, 8))
    x = data.standardize(data.train.x).double()
    assert abs(x.mean().item()) < 1e-5
    assert abs(x.std().item() - 1) < 1e-3
    samples = torch.cat([data.train.x, data.validation.x]).flatten(1)
    assert len(torch.unique(samples, dim=0)) == len(samples)
    again = load_data(cell())
    assert torch.equal(again.train.x, data.train.x)


def test_fashion_mnist_of_debian_has_its_known_statistics(cell, fashion):
    data = load_data(cell("dataset=fashion_mnist", f"dataset.path={fashion}"))
    assert (len(data.train), len(data.validation), data.classes, data.shape) == (60_000, 10_000, 10, (28, 28))
    assert data.train.y.bincount().tolist() == [6000] * 10
    assert data.mean.item() / 255 == pytest.approx(0.2860, abs=1e-4)
    assert 1 / data.scale.item() / 255 == pytest.approx(0.3530, abs=1e-4)


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_are_read_plain_or_gzipped(tmp_path, zipped):
    train, test, classes = Idx("MNIST", str(write_idx(tmp_path / "idx", zipped=zipped))).load()
    assert (train.x.shape, test.x.shape, classes) == ((40, 6, 6), (10, 6, 6), 10)
    assert train.y.tolist() == [i % 10 for i in range(40)]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:-5], "corrupt: "),
        (lambda b: b + b"x", "corrupt: "),
        (lambda b: b[:6], "not an IDX file"),
        (lambda b: b"", "not an IDX file"),
        (lambda b: b"\x89PNG" + b[4:], "not an IDX file"),
        (lambda b: b[:2] + b"\x0d" + b[3:], "not an IDX file"),
        (lambda b: b[:4] + bytes(4) + b[8:16], "empty"),
    ],
)
def test_damaged_idx_files_are_refused_with_the_reason(tmp_path, damage, message):
    name = "train-images-idx3-ubyte"
    file = write_idx(tmp_path / "idx") / name
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(InputError, match=re.escape(str(file))) as error:
        read_idx(tmp_path / "idx", name, 3)
    assert message in str(error.value)


def test_a_truncated_gzip_file_is_refused(tmp_path):
    file = write_idx(tmp_path / "idx", zipped=True) / "train-labels-idx1-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match="corrupt or unreadable"):
        Idx("MNIST", str(tmp_path / "idx")).load()


def test_missing_files_and_a_wrong_number_of_labels_are_refused(tmp_path):
    folder = write_idx(tmp_path / "idx")
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(3)))
    with pytest.raises(InputError, match=r"10 images in .* but 3 labels"):
        Idx("MNIST", str(folder)).load()
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="no t10k-labels-idx1-ubyte or"):
        Idx("MNIST", str(folder)).load()


def write_cifar(folder, name, records=4):
    archive = ARCHIVES[name]
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for file in (*archive.train, *archive.test):
        table = rng.integers(0, 256, (records, archive.labels + 3072)).astype(np.uint8)
        table[:, : archive.labels] = rng.integers(0, 10, (records, archive.labels))
        (folder / file).write_bytes(table.tobytes())
    return folder


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


def test_constant_inputs_are_standardized_to_zero():
    flat = Split(torch.full((5, 4), 7, dtype=torch.uint8), torch.zeros(5, dtype=torch.long))

    class Flat:
        def load(self):
            return flat, flat, 2

    assert not prepare(Flat(), torch.float32).standardize(flat.x).any()


def test_a_batch_larger_than_the_data_is_refused(cell):
    with pytest.raises(InputError, match="batch_size=2000: the train split has 1438 samples"):
        load_data(cell("batch_size=2000"))


def test_a_data_set_in_the_cache_is_not_downloaded(tmp_path, cell):
    write_idx(tmp_path / "source")
    shutil.move(tmp_path / "source", tmp_path / "cache" / "MNIST")
    assert len(load_data(cell("dataset=mnist")).train) == 40
    assert factory(cell("dataset=mnist").options["dataset"])().archive == "MNIST"
