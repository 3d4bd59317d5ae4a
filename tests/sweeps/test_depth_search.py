"""The command depth: arms from overrides, the searches as real processes, what is shown of them."""

import html
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from resexp.cli.main import main
from resexp.config.errors import InputError
from resexp.console.depth import DepthTable, forecast, progress_table
from resexp.stats.depth import TrialOutcome
from resexp.sweeps.depth_search import arms, first_round

SMALL = ("width=16", "steps=60", "batch_size=64", "threads=1", "log_every=20", "eval_every=60")
SEARCH = ("depth", "-m", *SMALL, "norm=none", "residual=on,off", "depth=2,16", "optimizer.lr=1e-3,3e-3", "seeds=4")


def _arms(composer, *overrides):
    return arms(composer, composer.normalize([*overrides]))


def _answered(arm, trains):
    """An arm whose search has ended, by `trains(depth, rate)`."""
    while trials := arm.search.ask():
        for trial in trials:
            arm.cells.add(f"{trial.depth} {trial.rate}")
            ok = trains(trial.depth, trial.rate)
            arm.search.tell(
                trial.depth, trial.rate, {seed: TrialOutcome(ok, 0.1 if ok else 2.3) for seed in trial.seeds}
            )
    return arm


def test_each_combination_is_an_arm_and_depths_and_rates_bound_its_search(composer):
    found = _arms(composer, "norm=none,pre", "residual=on,off", "depth=8,512", "optimizer.lr=1e-2,1e-3", "seeds=4")
    assert [arm.name for arm in found] == ["none+residual", "none+plain", "pre+residual", "pre+plain"]
    search = found[0].search
    assert (search.lowest, search.highest, search.many, search.few) == (8, 512, 4, 3)
    assert search.rates == [1e-3, 1e-2]
    (arm,) = _arms(composer, "norm=pre", "depth=16", "optimizer.lr=0.5")
    assert (arm.search.lowest, arm.search.highest, arm.search.rates) == (4, 16, [0.5])


def test_what_is_not_given_is_around_the_optimizers_own_rate(composer):
    (arm,) = _arms(composer)
    assert (arm.search.lowest, arm.search.highest, arm.search.many) == (4, 256, 8)
    assert arm.search.rates == [3e-4, 1e-3, 3e-3]
    assert _arms(composer, "optimizer=sgd")[0].search.rates == [0.03, 0.1, 0.3]
    assert _arms(composer, "optimizer=sgd", "optimizer.lr=1")[0].search.rates == [1.0]


def test_arms_are_named_by_what_tells_them_apart(composer):
    found = _arms(composer, "dataset=digits,synthetic", "norm=pre,post", "activation=tanh", "depth=8")
    assert {"pre+residual dataset=digits", "post+residual dataset=synthetic"} < {arm.name for arm in found}
    assert all("activation" not in arm.name for arm in found)


def test_the_cells_of_a_round_are_cells_of_the_lab(composer):
    found = _arms(composer, "norm=pre", "depth=2,8", "width=16")
    cells = first_round(composer, found)
    assert [(c.settings.depth, c.settings.seed_list, c.options["optimizer"]["lr"]) for c in cells] == [
        (2, (0, 1, 2), rate) for rate in (3e-4, 1e-3, 3e-3)
    ]
    assert cells[1].id == composer.cell(["norm=pre", "depth=2", "width=16"]).id
    assert cells[0].settings.tuning_seeds == [0, 1, 2]


def test_the_tuning_seeds_need_not_be_among_the_test_seeds(composer):
    assert [*_arms(composer, "tuning_seeds=[5,6]", "seeds=3", "depth=8")[0].search.tuning_seeds] == [5, 6]
    with pytest.raises(InputError, match="seeds=1,2: expected one number"):
        _arms(composer, "seeds=1,2", "depth=8")


def test_an_optimizer_without_a_rate_is_refused(composer):
    with pytest.raises(InputError, match="has no lr"):
        _arms(composer, "optimizer._target_=torch.optim.LBFGS")


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.slow
def test_what_was_found_is_shown_at_any_width(composer, width):
    deep, shallow, none, broken = _arms(composer, "norm=pre,post", "residual=on,off", "depth=4,64")
    _answered(deep, lambda *_: True)
    _answered(shallow, lambda depth, rate: depth < 20 and (rate == 1e-3 or depth < 6))
    _answered(none, lambda *_: False)
    broken.failed = "a cell at depth 4 is not done"
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(DepthTable([deep, shallow, none, broken]))
        console.print(progress_table([deep, shallow, none, broken]))
    lines = capture.get().splitlines()
    assert all(len(line) <= width for line in lines)
    text = " ".join(" ".join(lines).split())
    assert re.search(r"pre\+residual > 64 \d\d or more", text)
    assert re.search(r"post\+residual < 4 [\d.]+ or less", text)
    assert "post+plain: a cell at depth 4 is not done" in text
    assert "pre+residual trains deepest: D50 is > 64" in text
    assert "* the lowest or the highest rate tried" in text
    assert "lr 0.0003 / 0.001 / 0.003, chosen at each depth on seeds 0, 1 and 2." in text
    assert re.search(r"(\d+) runs in \d+ cells, 0 of them trained now; .* would have taken \d+ more runs", text)


def test_a_dry_run_tells_the_first_round_and_writes_nothing(tmp_path, capsys, composer):
    assert main(["depth", "--dry-run", "norm=pre", "depth=2,8", *SMALL]) == 0
    said = " ".join(capsys.readouterr().out.split())
    most = sum(arm.search.max_runs for arm in _arms(composer, "norm=pre", "depth=2,8"))
    assert "3 cells, 3 to train" in said
    assert f"The search takes at most {most} runs for 1 arm." in said
    assert forecast(_arms(composer, "norm=pre", "depth=2,8", *SMALL)) in said
    assert [*tmp_path.iterdir()] == []


def _killed_when(ready, number, *args):
    """Start a search and send a signal as soon as `ready` holds; its exit code."""
    process = subprocess.Popen([sys.executable, "-m", "resexp", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 120
    while not ready() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.slow
def test_a_search_goes_on_after_a_kill_and_ends_with_the_same_numbers(resexp, tmp_path):
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
    record = max(Path("outputs/.sweeps").iterdir())
    cells = json.loads(resexp("runs", "--json", str(record)).stdout)
    assert len(cells) == sum(arm["cells"] for arm in straight)
    assert resexp("report").returncode == 0
    page = Path("outputs/report.html").read_text()
    for arm in straight:  # the report's fit is that of the search
        shown = arm["censored"] or (f"{arm['d50']:.0f}" if arm["d50"] >= 9.95 else f"{arm['d50']:.1f}")
        assert f'<th scope="row">{arm["arm"]}</th><td class="n">{html.escape(shown)}<' in page


@pytest.mark.slow
def test_a_search_in_python_is_the_command(resexp, tmp_path):
    (tmp_path / "script.py").write_text(
        "import json, resexp\n"
        f"arms = resexp.depth(*{SMALL!r}, 'optimizer.lr=1e-3', norm='pre', depth=[1, 2], seeds=3)\n"
        "print(json.dumps([arm.to_json() for arm in arms]))\n"
    )
    script = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    (found,) = json.loads(script.stdout or script.stderr)
    assert (found["arm"], found["runs"], found["trained"]) == ("pre+residual", 6, 6)
    command = resexp("depth", "--json", *SMALL, "optimizer.lr=1e-3", "norm=pre", "depth=1,2", "seeds=3")
    assert json.loads(command.stdout) == [{**found, "trained": 0}]


@pytest.mark.slow
def test_an_arm_whose_cells_fail_does_not_hold_up_the_others(resexp, faulty):
    search = ("depth", *faulty, *SMALL, "norm=pre", "depth=2,4", "optimizer.lr=3e-3", "seeds=3")
    run = resexp(*search, "normalizer=layernorm,raises", "--json")
    assert run.returncode == 1
    good, bad = json.loads(run.stdout)
    assert (good["error"], good["censored"]) == (None, "> 4")
    assert (bad["d50"], bad["low"], bad["high"], bad["censored"]) == (None, None, None, None)
    assert "not done" in bad["error"]
    assert re.match(r"failed: digits-mlp/pre\+residual/.*: RuntimeError: out of luck", run.stderr)


@pytest.mark.slow
def test_without_verdicts_there_is_no_search(resexp):
    run = resexp("depth", *SMALL, "steps=1", "depth=2,4", "optimizer.lr=1e-4", "seeds=3")
    assert run.returncode == 1
    assert "no verdicts: in 1 steps the shallow reference" in " ".join(run.stdout.split())
