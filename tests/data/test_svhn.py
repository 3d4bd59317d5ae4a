"""House numbers: contents, and errors for damaged files."""

import pytest

from resexp.config.errors import InputError
from resexp.data.svhn import Svhn
from tests.data.files import write_svhn


def test_svhn_files_are_read_and_damaged_ones_refused(tmp_path):
    folder = write_svhn(tmp_path / "svhn")
    train, test, classes = Svhn(str(folder)).load()
    assert (train.x.shape, test.x.shape, classes) == ((40, 3, 32, 32), (40, 3, 32, 32), 10)
    assert train.y.tolist() == [(1 + i) % 10 for i in range(40)]
    (folder / "test_32x32.mat").write_bytes((folder / "test_32x32.mat").read_bytes()[:5000])
    with pytest.raises(InputError, match="corrupt or unreadable"):
        Svhn(str(folder)).load()
    with pytest.raises(InputError, match="no such file"):
        Svhn(str(tmp_path)).load()
