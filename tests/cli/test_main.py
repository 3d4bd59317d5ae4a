"""The command as a user types it: a real process in an empty directory."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import resexp as resexp_api
from resexp.cli.main import main
from resexp.record.result import Replicate, result_for
from resexp.record.store import RunDir
from resexp.stats.verdict import Reference
from tests.conftest import TINY

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
LIGHT = (
    "import sys; from resexp.cli.main import main;"
    "code = main(sys.argv[1:]); print('torch' in sys.modules); sys.exit(code)"
)


def _light(*args, **env):
    """Run a command line and tell whether it imported torch."""
    run = subprocess.run(
        [sys.executable, "-c", LIGHT, *args], capture_output=True, text=True, check=False, env={**os.environ, **env}
    )
    *lines, torch = run.stdout.splitlines()
    return run.returncode, lines, run.stderr, torch == "True"


@pytest.mark.parametrize(
    "args",
    [
        ("--help",),
        ("train", "--help"),
        *(
            pytest.param(args, marks=pytest.mark.slow)
            for args in ((), ("--version",), ("train", "--cfg", "job"), ("train", "--info", "defaults"))
        ),
    ],
)
def test_what_needs_no_torch_imports_none(args):
    code, lines, _, torch = _light(*args)
    assert (code, torch) == (0, False)
    assert lines


@pytest.mark.parametrize(
    "args",
    [
        ("train", "norm=pree"),
        ("train", "depth=0"),
        ("train", "depth=\n3\x1b[31m"),
        ("train", "depth=2", "-m", "norm=pree"),
        ("train", "-m", "depth=4,0"),
        ("train", "--nonsense"),
        ("train", "--config-dir", "nowhere"),
        ("train", "--config-path", "nowhere"),
        ("train", "outputs=/proc/nowhere"),
        ("train", "dataset=mnist", "dataset.path=/nowhere"),
        ("train", "hydra/launcher=nonsense"),
        ("trian",),
        ("depth=48",),
        ("train", "--package", "norm"),
        ("train", "--config-name", "nonsense"),
        ("runs", "nowhere"),
        ("runs", "--jsn"),
        ("runs", "norm=pre", "nowhere"),
        ("depth", "norm=pree"),
        ("depth", "depth=3"),
        ("depth", "depth=0,8"),
        ("depth", "seeds=[1,2]"),
        ("depth", "hydra/sweeper=basic"),
        ("depth", "--jsn"),
        ("depth", "--json", "--dry-run"),
        ("depth", "outputs=/proc/nowhere"),
        ("compare", "norm=pre"),
        ("compare", "norm=pre", "norm=none"),
        ("compare", "norm=pre", "norm=none", "nowhere"),
        ("tensorboard", "nowhere"),
        ("completion", "powershell"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(args, tmp_path, capfd):
    assert main(args) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("resexp: ")
    assert len(err.splitlines()) == 1
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("args", [("train", "norm=pree"), ("train", "-m", "depth=4,0"), ("depth", "norm=pree")])
@pytest.mark.slow
def test_bad_input_is_refused_without_torch(args):
    code, lines, error, torch = _light(*args)
    assert (code, lines, torch, len(error.splitlines())) == (2, [], False, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        ("model.heads=4", "model=transformer", "width=15"),
        ("normalizer.groups=3", "norm=pre", "normalizer=groupnorm"),
        ("blocks=foo.*", "diagnostics=light", "diagnostics.blocks=foo.*"),
    ],
    ids=lambda wrong: wrong[0],
)
def test_bad_input_that_only_building_shows(wrong, tmp_path, capfd):
    said, *given = wrong
    assert main(["train", *TINY, *given, *([said] if said.startswith("normalizer") else [])]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(rf"resexp: {re.escape(said)}: .*\n", err)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("wrong", ["batch_size=5000", "device=cuda:99"])
def test_bad_input_that_only_the_data_or_the_machine_show(wrong, tmp_path, capfd):
    assert main(["train", *TINY, wrong]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(rf"resexp: {wrong}: .*\n", err)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "text",
    [
        b"- 1",
        b"5",
        b"eps: [",
        b"# \xff\xfe",
        b"eps: 1.0",
        b"_target_: 5",
        b"_target_: torch.nn.Nope",
        b"_target_: torch.nn",
        b"_target_: leaves.Norm",
        b"_target_: torch.nn.RMSNorm\nepsilon: 1.0",
    ],
)
def test_an_odd_yaml_of_the_users_is_one_line_and_exit_2(text, tmp_path, capfd):
    (tmp_path / "leaves.py").write_text("import sys\n\nsys.exit(3)\n")
    (tmp_path / "mine" / "normalizer").mkdir(parents=True)
    (tmp_path / "mine" / "normalizer" / "odd.yaml").write_bytes(text)
    assert main(["train", "--config-dir", "mine", "normalizer=odd", "norm=pre", *TINY]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch("resexp: .*\n", err)
    assert not (tmp_path / "outputs").exists()


def test_what_the_output_cannot_take_is_no_traceback(resexp):
    run = resexp("--help", PYTHONIOENCODING="ascii")
    assert (run.returncode, run.stderr) == (0, "")
    for command, code in (("--help | head -1 > /dev/null", 0), ("--help > /dev/full", 1)):
        shell = f"{sys.executable} -m resexp {command}"
        run = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
        assert (run.returncode, "Traceback" in run.stderr) == (code, False)


def test_the_configuration_can_be_shown():
    _, lines, _, _ = _light("train", "+norm=pre", "depth=48", "--cfg", "job", "--package", "norm")
    assert "pre: true" in "\n".join(lines)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("resexp tr", {"train"}),
        ("resexp ", {"train", "depth", "probe", "runs", "compare", "report", "tensorboard", "completion"}),
        ("resexp depth norm=pre residual=of", {"residual=off"}),
        ("resexp depth --d", {"--dry-run"}),
        ("resexp runs nor", {"norm=", "norm.", "normalizer=", "normalizer."}),
        ("resexp compare norm=pre norm=no", {"norm=none"}),
        ("resexp compare norm=pre norm=none --j", {"--json"}),
        ("resexp runs --s", {"--sort"}),
        ("resexp runs ", set()),
        ("resexp train nor", {"norm=", "norm.", "normalizer=", "normalizer."}),
        ("resexp train norm=", {"norm=none", "norm=pre", "norm=post", "norm=peri", "norm=res-post"}),
        ("resexp train +norm=p", {"+norm=pre", "+norm=post", "+norm=peri"}),
        ("resexp train norm=pre dep", {"depth="}),
        ("resexp train activation=", {f"activation={a}" for a in ("relu", "gelu", "tanh", "silu", "identity")}),
        ("resexp train optimizer=sgd optimizer.mo", {"optimizer.momentum="}),
        ("resexp train --c", {"--cfg", "--config-dir", "--config-name"}),
        ("resexp train optimizer.lr=[", set()),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_completion(line, expected, shell, monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", f"query={shell}"]) == 0
    assert {*capsys.readouterr().out.split()} == expected


def test_completion_imports_no_torch():
    code, lines, _, torch = _light("-sc", "query=bash", COMP_LINE="resexp train optimizer=sgd optimizer.mo")
    assert (code, lines, torch) == (0, ["optimizer.momentum="], False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(shell):
    _, lines, _, _ = _light("completion", shell)
    text = "\n".join(lines)
    assert re.search(r"complete .*resexp", text)
    assert "python" not in lines[-1]


def test_completion_in_a_real_bash(tmp_path):
    """Bash evaluates the script and completes with it."""
    tool = tmp_path / "resexp"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m resexp "$@"\n')
    tool.chmod(0o755)
    script = """
eval "$(resexp completion bash)"
COMP_LINE="resexp train norm=p"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(resexp train norm=p); COMP_CWORD=2
hydra_bash_completion
printf '%s\\n' "${COMPREPLY[@]}"
"""
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=env)
    assert run.stdout.split() == ["norm=peri", "norm=post", "norm=pre"]


@pytest.mark.slow
def test_train_then_runs_then_again(resexp, tmp_path):
    first = resexp("train", "+norm=pre", *TINY)
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    assert not CONTROL.search(first.stdout)
    for wanted in ("digits-mlp/pre+residual/depth0002", "3 seeds in one pack", "parameters", "FLOP per step", "next "):
        assert wanted in first.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["outputs"]

    listed = resexp("runs", "--json")
    (cell,) = json.loads(listed.stdout)
    keys = {"id", "name", "path", "status", "error", "choices", "config", "seconds", "notes", "schema"}
    keys |= {"replicates"}
    assert cell.keys() == keys
    assert (cell["status"], cell["error"], cell["choices"]["norm"]) == ("done", None, "pre")
    assert os.path.isabs(cell["path"])
    assert [r["seed"] for r in cell["replicates"]] == [0, 1, 2]
    assert {"seed", "verdict", "loss_train", "loss_val", "accuracy_val", "steps"} <= cell["replicates"][0].keys()
    assert "digits-mlp/pre+residual" in resexp("runs").stdout

    again = resexp("train", "norm=pre", *TINY)
    assert "done before; fresh=true trains it again" in again.stdout
    (same,) = json.loads(resexp("runs", "--json").stdout)
    assert same == cell


@pytest.fixture
def recorded(cell):
    """Four cells in outputs/, as if they had been trained: depth 1, 2 × norm none, pre."""
    for depth, norm, loss in ((1, "none", 0.2), (1, "pre", 0.1), (2, "none", 0.4), (2, "pre", 0.1)):
        known = cell(f"depth={depth}", f"norm={norm}")
        replicates = [Replicate(s, 6, True, 2.4, 2.0, loss + s / 100, 0.9, loss, 0.5 + loss) for s in range(3)]
        RunDir(known.path).open(known, {})
        RunDir(known.path).close(
            result_for(known, "done", replicates=replicates, reference=Reference(2.3, 0.0, 0.1, 1438))
        )


@pytest.mark.usefixtures("recorded")
def test_runs_filters_sorts_and_writes_csv(capfd):
    code, lines, error, torch = _light("runs", "depth>=2", "--csv", "--sort", "loss_train", "--reverse")
    rows = [*csv.DictReader(lines)]
    assert (code, error, torch, [row["norm"] for row in rows]) == (0, "", False, ["none", "pre"])
    assert [(row["depth"], row["trained"], row["loss_train"]) for row in rows] == [
        ("2", "3", "0.41"),
        ("2", "3", "0.11"),
    ]
    for metric, first in (("loss_train", "pre"), ("accuracy_val", "none"), ("trained", "none")):
        assert main(["runs", "depth=2", "--best", metric, "--csv"]) == 0
        assert next(csv.DictReader(capfd.readouterr().out.splitlines()))["norm"] == first
    assert main(["runs", "norm=pre", "outputs", "--json", "depth=1"]) == 0
    assert [c["choices"]["norm"] for c in json.loads(capfd.readouterr().out)] == ["pre"]
    assert main(["runs", "norm=pre"]) == 0
    assert "depth" in capfd.readouterr().out
    assert main(["runs", "depth>2"]) == 0
    assert capfd.readouterr().out == "none of 4 cells is like that\n"


@pytest.mark.usefixtures("recorded")
def test_compare_is_the_same_as_text_json_and_in_python(capfd):
    code, lines, error, torch = _light("compare", "norm=pre", "norm=none")
    assert (code, error, torch) == (0, "", False)
    assert "needs 7 paired seeds; there are 3" in lines[1]
    assert main(["compare", "norm=pre", "norm=none", "outputs", "--by", "depth", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [row["where"] for row in found["comparisons"]] == [{"depth": "1"}, {"depth": "2"}]
    assert found == resexp_api.compare("norm=pre", "norm=none", by="depth").to_json()


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
def test_a_wrong_filter_is_one_line_and_exit_2(args, hint, capfd):
    assert main(args) == 2
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert hint in err


@pytest.mark.slow
def test_a_users_own_normalizer(tmp_path):
    """A class in the working directory and a YAML in the user's directory, by the installed command."""
    (tmp_path / "my_norm.py").write_text("import torch\n\n\nclass MyNorm(torch.nn.RMSNorm):\n    pass\n")
    (tmp_path / "mine" / "normalizer").mkdir(parents=True)
    (tmp_path / "mine" / "normalizer" / "my.yaml").write_text("# Mine.\n_target_: my_norm.MyNorm\neps: 1.0e-5\n")
    command = Path(sys.executable).with_name("resexp")
    given = ["train", "--config-dir", "mine", "norm=pre", "normalizer=my", *TINY]
    run = subprocess.run([command, *given], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "depth0002-width16-steps6-batch_size32-my-" in run.stdout


@pytest.mark.slow
def test_the_same_command_twice_gives_identical_numbers(resexp, tmp_path):
    replicates = []
    for name in ("here", "elsewhere"):
        (tmp_path / name).mkdir()
        resexp("train", "norm=pre", *TINY, cwd=tmp_path / name)
        (cell,) = json.loads(resexp("runs", "--json", cwd=tmp_path / name).stdout)
        replicates.append(cell["replicates"])
    assert replicates[0] == replicates[1]


@pytest.mark.slow
def test_a_sweep_prints_the_matrix_and_its_failures(resexp):
    run = resexp("train", "-m", *TINY, "depth=1,2", "+norm=none,pre", "residual=on,off", "batch_size=32")
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("[") == 8
    matrix = run.stdout[run.stdout.index("[8/8]") :]
    assert all(word in matrix for word in ("none", "pre", "+residual", "+plain", "depth"))
    assert len(json.loads(resexp("runs", "--json").stdout)) == 8

    failing = resexp("train", "-m", *TINY, "batch_size=16,5000", "norm=pre")
    assert failing.returncode == 1
    assert re.search(
        r"failed: digits-mlp/pre\+residual/\S+: batch_size=5000: the train split has 1438 samples", failing.stderr
    )
    statuses = [c["status"] for c in json.loads(resexp("runs", "--json").stdout)]
    assert sorted(statuses) == ["done"] * 9 + ["failed"]


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_the_same_command_finishes(resexp, tmp_path):
    given = ["train", "norm=pre", *TINY, "steps=20000", "log_every=5"]
    with subprocess.Popen(
        [sys.executable, "-m", "resexp", *given],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        started = time.monotonic()
        while not [*tmp_path.rglob("events.out.*")]:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() - started < 120
            time.sleep(0.1)
        (running,) = json.loads(resexp("runs", "--json").stdout)
        assert running["status"] == "running"
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "resexp: interrupted; the same command goes on with what is missing\n"
    (cell,) = json.loads(resexp("runs", "--json").stdout)
    assert cell["status"] == "interrupted"
    assert 0 < cell["replicates"][0]["steps"] < 20000
    assert cell["replicates"][0]["verdict"] is None


@pytest.mark.slow
def test_a_killed_process_leaves_an_interrupted_cell(resexp, tmp_path):
    given = ["train", "norm=pre", *TINY, "steps=20000"]
    with subprocess.Popen([sys.executable, "-m", "resexp", *given], cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        while not [*tmp_path.rglob("events.out.*")]:
            time.sleep(0.1)
        process.kill()
    (cell,) = json.loads(resexp("runs", "--json").stdout)
    assert (cell["status"], cell["replicates"]) == ("interrupted", [])
    assert resexp("train", "norm=pre", *TINY, "steps=20000", "steps=4").returncode == 0
