"""The command `depth`: a dry run, and searches in real processes."""

import html
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resexp.cli.main import main
from resexp.console.depth import forecast
from tests.sweeps.helpers import planned_searches

SMALL = ("width=16", "steps=60", "batch_size=64", "threads=1", "log_every=20", "eval_every=60")
SEARCH = ("depth", "-m", *SMALL, "norm=none", "residual=on,off", "depth=2,16", "optimizer.lr=1e-3,3e-3", "seeds=4")


def test_a_dry_run_prints_the_first_round_and_writes_nothing(tmp_path, capsys, composer):
    assert main(["depth", "--dry-run", "norm=pre", "depth=2,8", *SMALL]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    most = sum(arm.search.max_runs for arm in planned_searches(composer, "norm=pre", "depth=2,8"))
    assert "3 cells, 3 to train" in printed
    assert f"The search takes at most {most} runs for 1 arm." in printed
    assert forecast(planned_searches(composer, "norm=pre", "depth=2,8", *SMALL)) in printed
    assert [*tmp_path.iterdir()] == []


def _killed_when(is_ready, number, *args):
    """Start a search, send a signal once `is_ready()`, and return the exit code."""
    process = subprocess.Popen([sys.executable, "-m", "resexp", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 120
    while not is_ready() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.slow
def test_a_killed_search_resumes_and_ends_with_the_same_numbers(resexp, tmp_path):
    straight = json.loads(resexp(*SEARCH, "--json", "outputs=straight").stdout)

    def done(count):
        return lambda: len([*Path("outputs").glob("*/*/*/result.json")]) >= count

    assert _killed_when(done(3), signal.SIGKILL, *SEARCH) == -signal.SIGKILL
    assert _killed_when(done(6), signal.SIGINT, *SEARCH) == 130
    run = resexp(*SEARCH, "--json")
    assert run.returncode == 0, run.stderr
    resumed = json.loads(run.stdout)
    assert [{**arm, "trained": 0} for arm in resumed] == [{**arm, "trained": 0} for arm in straight]
    assert sum(a["trained"] for a in resumed) < sum(a["trained"] for a in straight) == sum(a["runs"] for a in straight)
    again = resexp(*SEARCH)
    assert " 0 of them trained now" in " ".join(again.stdout.split())
    directory = max(Path("outputs/.sweeps").iterdir())
    cells = json.loads(resexp("runs", "--json", str(directory)).stdout)
    assert len(cells) == sum(arm["cells"] for arm in straight)
    assert resexp("report").returncode == 0
    page = Path("outputs/report.html").read_text()
    for arm in straight:  # the report's fit is that of the search
        shown = arm["censored"] or (f"{arm['d50']:.0f}" if arm["d50"] >= 9.95 else f"{arm['d50']:.1f}")
        assert f'<th scope="row">{arm["arm"]}</th><td class="n">{html.escape(shown)}<' in page


@pytest.mark.slow
def test_a_search_in_python_does_what_the_command_does(resexp, tmp_path):
    (tmp_path / "script.py").write_text(
        "import json, resexp\n"
        f"arms = resexp.depth(*{SMALL!r}, 'optimizer.lr=1e-3', norm='pre', depth=[1, 2], seeds=3)\n"
        "print(json.dumps([arm.to_json() for arm in arms]))\n"
    )
    script = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    (arm,) = json.loads(script.stdout or script.stderr)
    assert (arm["arm"], arm["runs"], arm["trained"]) == ("pre+residual", 6, 6)
    command = resexp("depth", "--json", *SMALL, "optimizer.lr=1e-3", "norm=pre", "depth=1,2", "seeds=3")
    assert json.loads(command.stdout) == [{**arm, "trained": 0}]


@pytest.mark.slow
def test_an_arm_whose_cells_fail_does_not_stop_the_others(resexp, faulty):
    search = ("depth", *faulty, *SMALL, "norm=pre", "depth=2,4", "optimizer.lr=3e-3", "seeds=3")
    run = resexp(*search, "normalizer=layernorm,raises", "--json")
    assert run.returncode == 1
    good, bad = json.loads(run.stdout)
    assert (good["error"], good["censored"]) == (None, "> 4")
    assert (bad["d50"], bad["low"], bad["high"], bad["censored"]) == (None, None, None, None)
    assert "not done" in bad["error"]
    assert re.match(r"failed: digits-mlp/pre\+residual/.*: RuntimeError: out of luck", run.stderr)


@pytest.mark.slow
def test_a_search_without_verdicts_fails(resexp):
    run = resexp("depth", *SMALL, "steps=1", "depth=2,4", "optimizer.lr=1e-4", "seeds=3")
    assert run.returncode == 1
    assert "no verdicts: at this budget the shallow reference" in " ".join(run.stdout.split())
