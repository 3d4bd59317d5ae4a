"""Downloads by torchvision from an HTTP server on the loopback interface."""

import functools
import gc
import gzip
import hashlib
import http.server
import re
import shutil
import tarfile
import threading
import warnings
from dataclasses import replace

import pytest
from torchvision import datasets

from resexp.config.errors import InputError
from resexp.data import cifar
from resexp.data.idx import Idx
from tests.data.files import write_cifar, write_idx


@pytest.fixture
def server(tmp_path):
    """A folder, and the address at which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{http_server.server_address[1]}/"
        http_server.shutdown()
        thread.join()
    with warnings.catch_warnings():  # torchvision leaves the socket of a failed request to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _serve_idx(tmp_path, server, monkeypatch):
    folder, address = server
    write_idx(tmp_path / "source")
    resources = []
    for file in sorted((tmp_path / "source").iterdir()):
        zipped = folder / f"{file.name}.gz"
        zipped.write_bytes(gzip.compress(file.read_bytes()))
        resources.append((zipped.name, hashlib.md5(zipped.read_bytes()).hexdigest()))
    monkeypatch.setattr(datasets.KMNIST, "mirrors", [address])
    monkeypatch.setattr(datasets.KMNIST, "resources", resources)
    return folder


def test_a_data_set_is_downloaded_once_and_then_read_from_the_cache(tmp_path, server, monkeypatch, capfd):
    folder = _serve_idx(tmp_path, server, monkeypatch)
    assert len(Idx("KMNIST").load()[0]) == 40
    assert re.search(r"100(\.0)?%", capfd.readouterr().err)  # the progress bar of tqdm or of torchvision
    shutil.rmtree(folder)
    assert len(Idx("KMNIST").load()[0]) == 40
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["KMNIST"]


@pytest.mark.parametrize("fault", ["missing", "wrong checksum"])
@pytest.mark.slow
def test_a_failed_download_leaves_no_files_and_says_what_to_do(tmp_path, server, monkeypatch, fault):
    folder = _serve_idx(tmp_path, server, monkeypatch)
    file = folder / "t10k-labels-idx1-ubyte.gz"
    file.unlink() if fault == "missing" else file.write_bytes(gzip.compress(b"no"))
    with pytest.raises(InputError) as error:
        Idx("KMNIST").load()
    message = str(error.value)
    assert "\n" not in message
    assert "connect once, or give its files with dataset.path=DIR" in message
    assert [*(tmp_path / "cache").iterdir()] == []


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.slow
def test_a_cifar_archive_is_used_only_if_its_checksum_is_right(tmp_path, server, monkeypatch, right):
    folder, address = server
    archive = cifar.ARCHIVES["CIFAR10"]
    write_cifar(tmp_path / archive.folder, "CIFAR10")
    with tarfile.open(folder / "c.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / archive.folder, archive.folder)
    md5 = hashlib.md5((folder / "c.tar.gz").read_bytes()).hexdigest() if right else "0" * 32
    monkeypatch.setitem(cifar.ARCHIVES, "CIFAR10", replace(archive, url=f"{address}c.tar.gz", md5=md5))
    if right:
        assert len(cifar.Cifar("CIFAR10").load()[0]) == 20
    else:
        with pytest.raises(InputError, match="download failed"):
            cifar.Cifar("CIFAR10").load()
