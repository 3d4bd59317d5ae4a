"""Event files, read back with TensorBoard's own reader; a real server on loopback."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2

from resexp.record.store import RunDir
from resexp.run import train

pytestmark = pytest.mark.usefixtures("references")

BANDS = ("loss/train", "loss/validation", "accuracy/train", "accuracy/validation", "gradient/norm")


def _read(path):
    events = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    return events


def test_curves_are_means_with_their_band(cell):
    small = cell("norm=pre", "log_every=1")
    train(small)
    events, steps = _read(small.path), RunDir(small.path).steps()
    for tag in BANDS:
        column = {"loss/train": "loss", "accuracy/train": "accuracy", "gradient/norm": "grad_norm"}.get(
            tag, "loss_val" if "loss" in tag else "accuracy_val"
        )
        mean, low, high = (events.Scalars(t) for t in (tag, f"seeds/{tag}/min", f"seeds/{tag}/max"))
        for m, lo, hi in zip(mean, low, high, strict=True):
            values = steps[column][steps["step"] == m.step]
            np.testing.assert_allclose(
                [m.value, lo.value, hi.value], [values.mean(), values.min(), values.max()], rtol=1e-6
            )
    assert [e.step for e in events.Scalars("loss/train")] == [*range(6)]
    assert [e.step for e in events.Scalars("loss/validation")] == [0, 3, 6]
    assert events.Scalars("schedule/lr")[0].value == pytest.approx(1e-3)
    assert events.Scalars("seeds/finite")[-1].value == 3


def test_configuration_hparams_and_layout_lie_in_the_one_run(cell):
    small = cell("norm=pre")
    result = train(small)
    events = _read(small.path)
    assert "norm:" in events.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0].decode()
    layout = layout_pb2.Layout.FromString(events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0])
    assert [c.title for c in layout.category] == ["Loss", "Accuracy", "Gradient"]
    assert {s.value for c in layout.category for chart in c.chart for s in chart.margin.series} == {*BANDS}
    data = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(data).session_start_info
    assert start.hparams["norm"].string_value == "pre"
    assert start.hparams["depth"].number_value == 2
    final = events.Scalars("final/loss_val")[0].value
    assert final == pytest.approx(np.mean([r.loss_val for r in result.replicates]))
    assert [p for p in small.path.rglob("events.*") if p.parent != small.path] == []


def test_added_seeds_leave_no_doubled_points(cell):
    train(cell("norm=pre", "seeds=1"))
    train(cell("norm=pre", "seeds=3"))
    events = _read(cell("norm=pre").path)
    assert [e.step for e in events.Scalars("loss/train")] == [0, 2, 4, 5]
    assert events.Scalars("seeds/finite")[0].value == 3


@pytest.fixture
def dashboard(cell, tmp_path):
    """A dashboard over two runs, and its address."""
    for norm in ("pre", "none"):
        train(cell(f"norm={norm}"))
    command = [sys.executable, "-m", "resexp", "tensorboard", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        line = server.stdout.readline()
        match = re.search(r"http://(localhost|127\.0\.0\.1):\d+/", line)
        assert match, (line, server.stderr.read())
        yield match[0]
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=30)
        assert server.returncode == 0


def _get(address, path, **query):
    with urllib.request.urlopen(f"{address}{path}?{urllib.parse.urlencode(query)}", timeout=20) as answer:
        return json.load(answer)


def _wait_for(get, wanted):
    """Poll until what the server has read so far satisfies."""
    deadline = time.monotonic() + 60
    while not wanted(value := get()):
        assert time.monotonic() < deadline, value
        time.sleep(0.2)
    return value


def test_the_dashboard_serves_the_tags(dashboard, cell):
    names = {cell(f"norm={norm}").name for norm in ("pre", "none")}
    tags = _wait_for(
        lambda: _get(dashboard, "data/plugin/scalars/tags"),
        lambda t: t.keys() == names and all("final/trained" in v for v in t.values()),
    )
    for name in names:
        assert {*BANDS} <= tags[name].keys()
    points = _get(dashboard, "data/plugin/scalars/scalars", run=min(names), tag="loss/train")
    assert [p[1] for p in points] == [0, 2, 4, 5]
    layout = _get(dashboard, "data/plugin/custom_scalars/layout")
    assert [c["title"] for c in layout["category"]] == ["Loss", "Accuracy", "Gradient"]


@pytest.mark.slow
def test_the_dashboard_in_a_browser(dashboard, cell, tmp_path):
    """Headless Chromium renders the run names; the picture is kept beside the test's files."""
    browser = Path("/usr/bin/chromium")
    if not browser.exists():
        pytest.skip("chromium is not installed")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--window-size=1400,1000",
    ]
    page = [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", f"{dashboard}#timeseries"]
    _wait_for(lambda: _get(dashboard, "data/runs"), lambda runs: len(runs) == 2)
    picture = tmp_path / "dashboard.png"
    subprocess.run([browser, *flags, f"--screenshot={picture}", *page], check=True, capture_output=True, timeout=120)
    assert picture.stat().st_size > 20_000
    page_text = subprocess.run(
        [browser, *flags, "--dump-dom", *page], check=True, capture_output=True, timeout=120, text=True
    )
    assert "pre+residual/depth0002" in page_text.stdout
