"""The index of cells: scanning with it equals scanning the directories anew, whatever changes in them."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resexp.config.fingerprint import SCHEMA
from resexp.record import cache, index
from resexp.record.files import write_json
from resexp.record.index import INDEX, SWEEP, scan
from resexp.record.result import CellResult, Replicate
from resexp.record.store import RESULT, RUN, RunDir
from resexp.stats.verdict import Reference

TEN = Reference(2.3, 0.05, 0.1, 1438)
CHOICES = {"dataset": "digits", "model": "mlp", "norm": "pre", "residual": "on", "optimizer": "adamw"}


@pytest.fixture(autouse=True)
def _cache_everything(monkeypatch):
    """Cache every directory, even if there are few, a moment after it was written."""
    monkeypatch.setattr(cache, "MIN_CHANGES", 1)
    monkeypatch.setattr(cache, "CLOCK_GRAIN", 0.02)


def _write(path, depth, loss, status="done"):
    config = {"depth": depth, "steps": 9, "seeds": [0], "optimizer": {"lr": 1e-3}}
    replicates = [Replicate(0, 9, True, 2.4, loss, loss, 0.9, loss, 0.9)]
    shutil.rmtree(path, ignore_errors=True)  # another cell would be in the way
    path.mkdir(parents=True)
    RunDir(path).close(CellResult(f"{depth:064d}", "", "", status, CHOICES, config, replicates, TEN, seconds=1.0))


def _begin(path, depth):
    path.mkdir(parents=True, exist_ok=True)
    write_json(
        path / RUN,
        {"schema": SCHEMA, "id": f"{depth:064d}", "choices": CHOICES, "config": {"depth": depth, "steps": 9}},
    )


def _scan_without_index(*paths):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "INDEX", ".no-such-index")
        patch.setattr(cache, "MIN_CHANGES", sys.maxsize)
        return [*scan(paths)]


def _wait_until_settled():
    time.sleep(0.03)


def _change_in_place(path, change):
    file = path / RESULT
    if file.is_file():
        stat, content = file.stat(), bytearray(file.read_bytes())
        change(content)
        file.write_bytes(content)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # neither its time nor its size may be trusted


def _flip(content):
    content[len(content) // 3] ^= 1


CHANGES = {
    "write": lambda path, n: _write(path, n, 0.1 * n),
    "fail": lambda path, n: _write(path, n, 0.1, "failed"),
    "begin": _begin,
    "remove": lambda path, n: shutil.rmtree(path, ignore_errors=True),
    "remove the result": lambda path, n: (path / RESULT).unlink(missing_ok=True),
    "cut": lambda path, n: _change_in_place(path, lambda content: content.__delitem__(slice(9, None))),
    "flip": lambda path, n: _change_in_place(path, _flip),
}
changes = st.lists(st.tuples(st.sampled_from([*CHANGES]), st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=6)


@settings(max_examples=25)
@given(st.lists(changes, min_size=1, max_size=3))
@pytest.mark.slow
def test_scanning_with_the_index_equals_scanning_anew(tmp_path_factory, rounds):
    outputs = tmp_path_factory.mktemp("outputs")
    for number in range(3):
        _write(outputs / "digits-mlp" / "pre+residual" / f"cell{number}", number + 1, 0.5)
    for changes in rounds:
        _wait_until_settled()
        [*scan([outputs])]
        for change, number, n in changes:
            CHANGES[change](outputs / "digits-mlp" / "pre+residual" / f"cell{number}", n)
        for path in (outputs, outputs / "digits-mlp", outputs):
            assert [*scan([path])] == _scan_without_index(path)


def _cells(outputs, count=4):
    for number in range(count):
        _write(outputs / "digits-mlp" / "pre+residual" / f"cell{number}", number + 1, 0.5)
    _wait_until_settled()
    return [*scan([outputs])]


def _record_reads(monkeypatch):
    """Return a list to which the names of directories are added as they are read."""
    read, stored = [], RunDir.stored
    monkeypatch.setattr(RunDir, "stored", lambda self: (read.append(self.path.name), stored(self))[1])
    return read


def test_only_changed_directories_are_read_again(tmp_path, monkeypatch):
    before = _cells(tmp_path)
    read = _record_reads(monkeypatch)
    assert [*scan([tmp_path])] == before
    assert next(scan([tmp_path / "digits-mlp"])).name == "pre+residual/cell0"
    assert read == []
    _write(tmp_path / "digits-mlp" / "pre+residual" / "cell2", 3, 0.25)
    del read[:]  # what the writing itself looked up
    assert [r.replicates[0].loss_train for r in scan([tmp_path])] == [0.5, 0.5, 0.25, 0.5]
    assert read == ["cell2"]


def test_directories_that_changed_just_now_are_not_cached(tmp_path, monkeypatch):
    """A file may be written twice within the resolution of a clock."""
    monkeypatch.setattr(cache, "CLOCK_GRAIN", 60.0)
    _cells(tmp_path)
    read = _record_reads(monkeypatch)
    [*scan([tmp_path])]
    assert len(read) == 4
    monkeypatch.setattr("time.time_ns", lambda: 10**18)  # the clock went back by years
    [*scan([tmp_path])]
    del read[:]
    [*scan([tmp_path])]
    assert read == []


@pytest.mark.parametrize("damage", ["", "cut", "flip", "other", "gone", "directory"])
def test_a_damaged_index_is_detected_and_rewritten(tmp_path, damage, monkeypatch):
    before, file = _cells(tmp_path), tmp_path / INDEX
    content = bytearray(file.read_bytes())
    _flip(content)
    changed = {"": b"", "cut": content[:-40], "flip": bytes(content), "other": b"{}\n{}"}
    if damage in changed:
        file.write_bytes(changed[damage])
    else:
        file.unlink()
        if damage == "directory":
            file.mkdir()
    assert [*scan([tmp_path])] == before
    read = _record_reads(monkeypatch)
    assert [*scan([tmp_path])] == before
    assert len(read) == (4 if damage == "directory" else 0)


def test_a_read_only_directory_can_be_scanned(mount, tmp_path):
    outputs = mount("outputs", "size=4m")
    before = _cells(outputs)
    (outputs / INDEX).unlink()
    subprocess.run(["mount", "-o", "remount,ro", outputs], check=True)
    assert [*scan([outputs])] == before
    assert not (outputs / INDEX).exists()


def test_processes_may_write_the_index_concurrently(tmp_path):
    before = _cells(tmp_path, 12)
    code = (
        "import sys; from pathlib import Path; from resexp.record import cache; from resexp.record.index import scan;"
        "cache.MIN_CHANGES, cache.CLOCK_GRAIN = 1, 0.0\n"
        "for _ in range(40):\n"
        f" (Path(sys.argv[1]) / '{INDEX}').unlink(missing_ok=True); print(len([*scan([Path(sys.argv[1])])]))"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) for _ in range(3)]
    assert {line for run in runs for line in run.communicate()[0].split()} == {b"12"}
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert [*scan([tmp_path])] == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == [INDEX]


def test_a_cell_is_running_while_its_directory_is_locked(tmp_path):
    path = tmp_path / "digits-mlp" / "pre+residual" / "cell0"
    _begin(path, 1)
    _wait_until_settled()
    assert [r.status for r in scan([tmp_path])] == ["interrupted"]
    with RunDir(path).lock():
        assert [r.status for r in scan([tmp_path])] == ["running"]
    assert [r.status for r in scan([tmp_path])] == ["interrupted"]


def test_a_sweep_uses_the_index_of_its_outputs(tmp_path, monkeypatch):
    before, record = _cells(tmp_path), tmp_path / ".sweeps" / "one"
    record.mkdir(parents=True)
    paths = [f"../../{result.name}" for result in before[1:]] + ["../../digits-mlp/gone"]
    write_json(record / "sweep.json", {"outputs": "../..", "cells": [{"path": path} for path in paths]})
    read = _record_reads(monkeypatch)
    assert [*scan([record])] == before[1:]
    assert read == ["gone"]
    assert _scan_without_index(record) == before[1:]
    assert json.loads((tmp_path / INDEX).read_bytes().partition(b"\n")[2]).keys() >= {before[0].name}


@pytest.mark.parametrize("cells", [5, {"a": 1}, [1, None, {"path": 3}], None])
def test_a_malformed_manifest_has_no_cells(tmp_path, cells):
    write_json(tmp_path / SWEEP, {"outputs": 4, "tuning_seeds": 5, "cells": cells})
    assert [*scan([tmp_path])] == []


def test_few_cells_are_not_cached(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "MIN_CHANGES", 50)
    _cells(tmp_path)
    assert not (tmp_path / INDEX).exists()
