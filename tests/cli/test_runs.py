"""The commands that read results: runs and compare."""

import csv
import json

import pytest

import resexp as resexp_api
from resexp.cli.main import main
from resexp.record.result import Replicate, result_for
from resexp.record.store import RunDir
from resexp.stats.verdict import Reference
from tests.cli.processes import run_command


@pytest.fixture
def recorded(cell):
    """Four cells in outputs/, as if they had been trained: depth 1, 2 × norm none, pre."""
    for depth, norm, loss in ((1, "none", 0.2), (1, "pre", 0.1), (2, "none", 0.4), (2, "pre", 0.1)):
        trained = cell(f"depth={depth}", f"norm={norm}")
        replicates = [Replicate(s, 6, True, 2.4, 2.0, loss + s / 100, 0.9, loss, 0.5 + loss) for s in range(3)]
        directory, reference = RunDir(trained.path), Reference(2.3, 0.0, 0.1, 1438)
        directory.open(trained, {})
        directory.close(result_for(trained, "done", replicates=replicates, reference=reference))


@pytest.mark.usefixtures("recorded")
def test_runs_filters_sorts_and_writes_csv_without_torch():
    command = run_command("runs", "depth>=2", "--csv", "--sort", "loss_train", "--reverse")
    rows = [*csv.DictReader(command.lines)]
    assert (command.code, command.stderr, command.imported_torch) == (0, "", False)
    values = [(row["norm"], row["depth"], row["trained"], row["loss_train"]) for row in rows]
    assert values == [("none", "2", "3", "0.41"), ("pre", "2", "3", "0.11")]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(("metric", "best"), [("loss_train", "pre"), ("accuracy_val", "none"), ("trained", "none")])
def test_the_best_cell_comes_first(metric, best, capfd):
    assert main(["runs", "depth=2", "--best", metric, "--csv"]) == 0
    assert next(csv.DictReader(capfd.readouterr().out.splitlines()))["norm"] == best


@pytest.mark.usefixtures("recorded")
def test_filters_and_paths_mix_in_any_order(capfd):
    assert main(["runs", "norm=pre", "outputs", "--json", "depth=1"]) == 0
    assert [c["choices"]["norm"] for c in json.loads(capfd.readouterr().out)] == ["pre"]
    assert main(["runs", "norm=pre"]) == 0
    assert "depth" in capfd.readouterr().out


@pytest.mark.usefixtures("recorded")
def test_a_filter_that_matches_nothing_is_reported(capfd):
    assert main(["runs", "depth>2"]) == 0
    assert capfd.readouterr().out == "the filter matches none of 4 cells\n"


def test_an_empty_outputs_directory_suggests_a_first_cell(tmp_path, capfd):
    (tmp_path / "outputs").mkdir()
    assert main(["runs"]) == 0
    assert capfd.readouterr().out == "no cells yet; a first one: resexp train +norm=pre depth=48\n"


@pytest.mark.usefixtures("recorded")
def test_compare_gives_the_same_as_text_as_json_and_in_python(capfd):
    command = run_command("compare", "norm=pre", "norm=none")
    assert (command.code, command.stderr, command.imported_torch) == (0, "", False)
    assert "needs 7 paired seeds; there are 3" in command.lines[1]
    assert main(["compare", "norm=pre", "norm=none", "outputs", "--by", "depth", "--json"]) == 0
    comparison = json.loads(capfd.readouterr().out)
    assert [row["where"] for row in comparison["comparisons"]] == [{"depth": "1"}, {"depth": "2"}]
    assert comparison == resexp_api.compare("norm=pre", "norm=none", by="depth").to_json()


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (("runs", "nrom=pre"), "did you mean norm?"),
        (("runs", "norm=pree"), "did you mean pre?"),
        (("runs", "--sort", "loss_trian"), "did you mean loss_train?"),
        (("runs", "--best", "los_train"), "did you mean loss_train?"),
        (("runs", "--best", "depth"), "no such metric"),
        (("compare", "nrom=pre", "norm=none"), "did you mean norm?"),
        (("compare", "norm=pre", "norm=nine"), "did you mean none?"),
        (("compare", "norm=pre", "norm=none", "--by", "dpth"), "did you mean depth?"),
    ],
)
def test_a_misspelled_filter_or_key_is_one_line_with_a_hint(args, hint, capfd):
    assert main(args) == 2
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert hint in err
