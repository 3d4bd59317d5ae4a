"""Run directories: what is read from them, and what is never overwritten."""

import dataclasses
import shutil

import pytest

import resexp
from resexp.cells.run import train
from resexp.config.errors import InputError
from resexp.record.index import scan
from resexp.record.store import RunDir
from resexp.stats.verdict import Reference

pytestmark = pytest.mark.usefixtures("references")


def test_a_cell_is_read_from_its_result_file_alone(cell):
    small = cell("norm=pre")
    result = train(small)
    (small.path / "run.json").unlink()
    assert [*scan([small.path.parents[2]])] == [result]


def test_verdicts_are_computed_on_reading(cell):
    result = train(cell("norm=pre"))
    easy = dataclasses.replace(result, reference=Reference(100.0, 0.0, 0.1, 1438))
    hard = dataclasses.replace(result, reference=Reference(2.3, 0.0, 0.1, 1438))
    first = result.replicates[0]
    assert easy.verdict(first) == "trained"
    assert hard.verdict(first) != "trained"


def test_a_directory_of_another_cell_is_refused(cell):
    small = cell("norm=pre")
    train(small)
    for name in ("result.json", "run.json"):
        file = small.path / name
        file.write_text(file.read_text().replace(small.id, small.id[:12] + "0" * 52))
    with pytest.raises(InputError, match="holds another cell"):
        train(small)


def _flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)


@pytest.mark.slow
def test_all_seeds_are_trained_again_if_the_step_file_is_unreadable(cell):
    small = cell("norm=pre", "seeds=3")
    for damage in (lambda f: f.unlink(), lambda f: f.write_bytes(b"PAR1garbage"), _flip):
        train(cell("norm=pre", "seeds=2", "fresh=true"))
        damage(small.path / "steps.parquet")
        assert len(resexp.load("outputs").replicates) == 2
        train(small)
        assert {*RunDir(small.path).steps()["seed"]} == {0, 1, 2}
        shutil.rmtree(small.path)


@pytest.mark.parametrize(
    "content", ["{}", *(pytest.param(c, marks=pytest.mark.slow) for c in ("", "[" * 100_000, '{"id": NaN}', "\x00"))]
)
def test_a_damaged_cell_hides_no_other_cell(cell, content):
    bad, good = cell("norm=pre"), cell("norm=post", "seeds=1")
    for small in (bad, good):
        train(small)
    for name in ("run.json", "result.json"):
        (bad.path / name).write_text(content)
    assert [r.id for r in scan([bad.path.parents[2]])] == [good.id]
    assert len(resexp.load().cells) == 1
    with pytest.raises(InputError, match=r"result\.json: cannot be read; fresh=true sets it aside"):
        train(bad)
    assert (bad.path / "result.json").read_text() == content


@pytest.mark.parametrize("damage", [lambda b: b[:1], lambda b: b[:-9], lambda b: b'{"status": "done"}', "flipped"])
@pytest.mark.slow
def test_a_damaged_result_is_never_overwritten(cell, damage):
    small = cell("norm=pre")
    train(small)
    file = small.path / "result.json"
    content = file.read_bytes()
    if damage == "flipped":  # a digit of a loss becomes another: still JSON
        at = content.index(b'"loss_train": ') + 16
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    else:
        file.write_bytes(damage(content))
    listed = next(scan([small.path]))
    assert (listed.status, listed.error) == ("interrupted", "result.json cannot be read")
    stored = file.read_bytes()
    for again in (small, cell("norm=pre", "seeds=2")):
        with pytest.raises(InputError, match=r"result\.json: cannot be read"):
            train(again)
    assert train(small, isolate=True).status == "failed"
    assert file.read_bytes() == stored
    result = train(cell("norm=pre", "fresh=true"))
    assert result.status == "done"
    assert result.notes == ["set aside result.json: it cannot be read, and is kept as damaged-result.json"]
    assert (small.path / "damaged-result.json").read_bytes() == stored
