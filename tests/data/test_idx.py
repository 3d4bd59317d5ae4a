"""IDX files: contents, and errors for damaged files."""

import re

import numpy as np
import pytest

from resexp.build import load_data
from resexp.config.errors import InputError
from resexp.data.idx import Idx, read_idx
from tests.data.files import idx_bytes, write_idx


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
