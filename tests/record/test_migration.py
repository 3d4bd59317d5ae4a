"""Results of earlier schemas: read everywhere, never changed, never taken for new ones."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import resexp
from resexp.cells.callbacks import CellStart, Notice
from resexp.cells.run import train
from resexp.cli.main import main
from resexp.config.errors import InputError
from resexp.config.fingerprint import SCHEMA
from resexp.config.settings import conf_dir
from resexp.record.filters import parse_filter, select
from resexp.record.index import SWEEP, recorded_result, scan
from resexp.record.migration import current_class, migrate, schema_of
from resexp.record.result import without_superseded
from resexp.record.store import RESULT, RUN, RunDir

OLD = Path(__file__).parent / "schema2"
"""Four cells (one interrupted), a reference cell and a sweep, as resexp wrote them under schema 2."""

SAME = (
    *("depth=2", "width=8", "steps=60", "seeds=2", "batch_size=64", "log_every=20", "eval_every=30", "threads=1"),
    *("keep_checkpoints=none", "schedule=cosine", "optimizer.lr=1e-2", "norm=pre", "residual=on"),
)
"""The overrides of the cell `pre+residual` in OLD."""


@pytest.fixture
def old(tmp_path):
    """A copy of OLD as the outputs directory."""
    return shutil.copytree(OLD, tmp_path / "outputs")


@pytest.fixture
def same(composer, tmp_path):
    """A function that composes the cell `pre+residual` of OLD, with more overrides."""
    return lambda *more: composer.cell(composer.normalize([*SAME, f"outputs={tmp_path / 'outputs'}", *more]))


def _contents(outputs):
    """The bytes of every file that was in `outputs` when it was copied from OLD."""
    files = (outputs / file.relative_to(OLD) for file in OLD.rglob("*") if file.is_file())
    return {file: file.read_bytes() for file in files}


def _set_schema(directory, schema):
    """Make the JSON files of a run directory say that they are of `schema`."""
    for name in (RESULT, RUN):
        file = directory / name
        if file.exists():
            file.write_text(json.dumps({**json.loads(file.read_text()), "schema": schema}))


@pytest.mark.parametrize("target", (OLD / "targets.txt").read_text().split())
def test_every_class_of_schema_2_is_translated_to_one_that_ships_today(target):
    texts = [file.read_text() for file in conf_dir().glob("*/*.yaml")]
    assert any(f"_target_: {current_class(target)}\n" in text for text in texts)


def test_results_of_schema_2_have_todays_names(old):
    results = {result.choices["norm"] + result.choices["residual"]: result for result in scan([old])}
    assert {name: result.status for name, result in results.items()} == {
        "noneon": "done", "noneoff": "interrupted", "preoff": "done", "preon": "done",
    }  # fmt: skip
    assert {result.schema for result in results.values()} == {2}
    full = results["preoff"]
    assert full.config["residual"]["_target_"] == "resexp.nn.residuals.off.NoSkip"
    assert "jacobian_rms" in full.config["diagnostics"]["expensive"]
    assert "dear" not in full.config["diagnostics"]
    assert full.verdict(full.replicates[0]) == "trained"


def test_load_reads_schema_2(old):
    frames = resexp.load(old)
    assert {*frames.cells["schema"]} == {2}
    assert len(frames.cells) == 4
    assert len(frames.replicates) == 8
    assert {"stream_rms", "jacobian_rms"} <= {*frames.layers["quantity"]}
    done = frames.replicates[frames.replicates["verdict"] == "trained"]
    assert done["steps_to_target"].notna().all()
    assert np.isfinite(frames.steps["loss"]).sum() == 3 * 2 * 60 + 2 * 21
    assert len(resexp.load(old / ".sweeps" / "two").cells) == 2


def test_an_unknown_key_is_named_as_it_was_typed(old):
    with pytest.raises(InputError, match="unknown key steps_to_bar"):
        select([*scan([old])], parse_filter("steps_to_bar=20"))


def test_filters_accept_the_names_of_schema_2(old):
    results = [*scan([old])]
    for text in ("init._target_=resexp.nn.inits.orthogonal.Orthogonal", "residual=off,schema=2,norm=none"):
        assert [r.choices["init"] for r in select(results, parse_filter(text))] == ["orthogonal"]
    assert len(select(results, parse_filter("diagnostics.dear=[]"))) == 3


@pytest.mark.slow
def test_commands_read_schema_2(old, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "schema" in " ".join(lines[:3])
    assert sum("trained" in line for line in lines) == 3
    assert main(["runs", "--json", "norm=pre,residual=on"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)
    assert cell["schema"] == 2
    assert cell["config"]["diagnostics"]["expensive"] == []
    assert main(["runs", "outputs/.sweeps/two"]) == 0
    assert main(["compare", "norm=pre,residual=on", "norm=none,residual=on"]) == 0
    assert main(["report", "outputs", "--output", "page.html"]) == 0
    assert main(["report"]) == 0
    assert "pre+residual" in Path("page.html").read_text("utf-8")


def test_the_same_configuration_is_trained_anew_beside_schema_2(old, same):
    before, cell = _contents(old), same()
    (earlier,) = select([*scan([old])], parse_filter("arm=pre+residual"))
    result = train(cell)
    assert result.status == "done"
    assert result.schema == SCHEMA
    assert _contents(old) == before
    assert Path(result.path) != Path(earlier.path)
    assert [r.loss_train for r in result.replicates] == [r.loss_train for r in earlier.replicates]
    assert result.identity_key == earlier.identity_key
    assert result.identity_text == earlier.identity_text
    both = select([*scan([old])], parse_filter("arm=pre+residual"))
    assert {r.schema for r in both} == {2, SCHEMA}
    assert [r.schema for r in without_superseded(both)] == [SCHEMA]
    comparison = resexp.compare("norm=pre,residual=on", "norm=none,residual=on", old)
    assert comparison.tuning_seeds == ()
    assert {cell.schema for cell in comparison.cells} == {2, SCHEMA}
    assert resexp.compare(f"schema={SCHEMA}", "schema=2", old).rows[0].ratio == 1.0
    for name in (RESULT, RUN):
        assert json.loads((cell.path / name).read_text())["schema"] == SCHEMA
    assert pq.read_schema(cell.path / "steps.parquet").metadata[b"resexp.schema"] == str(SCHEMA).encode()


def test_a_checkpoint_of_schema_2_is_set_aside(old, same):
    (interrupted,) = old.glob("*/none+plain/*")
    (checkpoint,) = interrupted.glob("checkpoint-*.pt")
    cell, events = same("norm=none", "residual=off", "init=orthogonal"), []
    cell.path.mkdir(parents=True)
    shutil.copy(checkpoint, cell.path)
    result = train(cell, events.append)
    (started,) = [e for e in events if isinstance(e, CellStart) and e.role == "cell"]
    assert started.step == 0
    assert [e.text for e in events if isinstance(e, Notice)] == result.notes
    assert result.notes == [
        f"set aside {checkpoint.name}: its schema is 2, expected {SCHEMA}; training starts anew",
        f"not resumed from {interrupted.name}/{checkpoint.name}: its schema is 2, expected {SCHEMA}",
    ]
    assert checkpoint.exists()
    assert (cell.path / f"schema2-{checkpoint.name}").read_bytes() == checkpoint.read_bytes()


@pytest.mark.parametrize("schema", [2, SCHEMA + 1])
@pytest.mark.parametrize("more", [(), ("fresh=true",)])
def test_a_directory_of_another_schema_is_never_written_to(old, same, schema, more):
    """Only a moved or renamed directory can be in the way: the name holds the identity, which depends on the schema."""
    (earlier,) = old.glob("*/pre+residual/*")
    cell = same(*more)
    earlier.rename(cell.path)
    if schema > 2:
        _set_schema(cell.path, schema)
    before = {file: file.read_bytes() for file in cell.path.iterdir()}
    message = f"holds a cell of schema {schema}, expected {SCHEMA}"
    with pytest.raises(InputError, match=message):
        train(cell)
    failed = train(cell, isolate=True)
    assert failed.status == "failed"
    assert message in failed.error
    assert message in recorded_result(cell).error
    with pytest.raises(InputError, match=message):
        RunDir(cell.path).open(cell, {})
    with pytest.raises(InputError, match=message):
        RunDir(cell.path).close(failed)
    assert {file: file.read_bytes() for file in cell.path.iterdir() if file.name != ".lock"} == before


def test_cells_of_a_newer_schema_are_reported_in_a_line(old, caplog, capsys):
    for directory in old.glob("*/none+*/*"):
        _set_schema(directory, SCHEMA + 1)
    for _ in range(2):  # the second time from the index
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert len([*scan([old])]) == 2
        (line,) = caplog.messages
        assert line.startswith(f"left out 2 cells of schema {SCHEMA + 1}; this version reads up to {SCHEMA} (")
    sweep = old / ".sweeps" / "two"
    manifest = json.loads((sweep / SWEEP).read_text())
    (sweep / SWEEP).write_text(json.dumps({**manifest, "schema": SCHEMA + 1}))
    assert main(["runs", str(sweep)]) == 2
    assert f"a sweep of schema {SCHEMA + 1}" in capsys.readouterr().err


@pytest.mark.parametrize("schema", [2, SCHEMA + 1])
def test_a_manifest_of_another_schema_is_never_overwritten(old, schema):
    sweep = old / ".sweeps" / "two"
    content = json.loads((sweep / SWEEP).read_text()) | ({"schema": schema} if schema > 2 else {})
    (sweep / SWEEP).write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"holds a sweep of schema {schema}, expected {SCHEMA}; choose another"):
        resexp.sweep(f"hydra.sweep.dir={sweep}", norm=["pre", "none"], depth=2, width=8, steps=6, seeds=1)
    assert json.loads((sweep / SWEEP).read_text()) == content


def test_a_schema_that_is_no_number_is_not_read(old):
    with pytest.raises(ValueError, match="no whole number"):
        schema_of({"schema": "three"})
    (directory,) = old.glob("*/pre+residual/*")
    _set_schema(directory, "three")
    assert RunDir(directory).stored() is None
    assert migrate({"config": {"residual": {"_target_": "resexp.nn.residuals.on.Identity"}, "depth": 2}}) == {
        "schema": 2,
        "config": {"residual": {"_target_": "resexp.nn.residuals.on.IdentitySkip"}, "depth": 2},
    }
