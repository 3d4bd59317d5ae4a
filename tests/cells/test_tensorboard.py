"""Event files, read with TensorBoard's own reader and served by a real server on loopback."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2

from resexp.cells.run import train
from resexp.record.frames import load
from resexp.record.store import RunDir
from tests.browser import CHROMIUM, Browser

pytestmark = pytest.mark.usefixtures("references")

BANDS = ("loss/train", "loss/validation", "accuracy/train", "accuracy/validation", "gradient/norm")


def _read(path):
    events = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    return events


def test_curves_are_means_with_bands(cell):
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


def test_configuration_hparams_and_layout_are_in_one_run(cell):
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


def test_added_seeds_leave_no_duplicate_points(cell):
    train(cell("norm=pre", "seeds=1"))
    train(cell("norm=pre", "seeds=3"))
    events = _read(cell("norm=pre").path)
    assert [e.step for e in events.Scalars("loss/train")] == [0, 2, 4, 5]
    assert events.Scalars("seeds/finite")[0].value == 3


LIGHT = ("stream_rms", "stream_grad", "weight_grad", "update_ratio", "dead_fraction", "branch_skip")


def test_layers_are_logged_as_two_images_per_quantity_and_summary_scalars(cell):
    small = cell("norm=pre", "diagnostics=light")
    train(small)
    events = _read(small.path)
    images = events.Tags()["images"]
    assert sorted(p.split("/")[1:] for p in images) == sorted([q, k] for q in LIGHT for k in ("heatmap", "profile"))
    assert {p.split("/")[0] for p in images} == {"signal", "gradient"}
    image = events.Images("signal/stream_rms/heatmap")[-1]
    assert (image.step, image.width, image.height) == (6, 640, 360)
    rms = load(small.path).layers.query("quantity == 'stream_rms'").pivot_table("value", ["step", "seed"], "layer")
    gain = ((rms[2] / rms[0]) ** 0.5).groupby("step").mean()
    shown = events.Scalars("signal/rms_gain")
    assert [e.step for e in shown] == [0, 1, 3, 6]
    np.testing.assert_allclose([e.value for e in shown], gain, rtol=1e-6)
    layout = layout_pb2.Layout.FromString(events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0])
    assert [c.title for c in layout.category] == ["Loss", "Accuracy", "Signal", "Gradient"]
    assert [c.title for c in layout.category[3].chart] == ["gradient/norm", "gradient/first_over_last"]
    assert events.Scalars("init/rms_gain")[0].value == pytest.approx(gain[0])


@pytest.mark.slow
def test_every_run_has_the_same_hparams_columns(cell):
    columns = []
    for level in ("off", "light"):
        small = cell("norm=pre", "seeds=1", f"diagnostics={level}", f"outputs={level}")
        train(small)
        data = _read(small.path).SummaryMetadata("_hparams_/experiment").plugin_data.content
        experiment = plugin_data_pb2.HParamsPluginData.FromString(data).experiment
        columns.append(([h.name for h in experiment.hparam_infos], [m.name.tag for m in experiment.metric_infos]))
    assert columns[0] == columns[1]
    assert {"final/trained", "init/rms_gain", "init/gradient_ratio", "init/dead_fraction"} <= {*columns[0][1]}


@pytest.mark.slow
def test_seeds_added_without_diagnostics_keep_the_measurements_of_the_others(cell):
    train(cell("norm=pre", "seeds=2", "diagnostics=light"))
    train(cell("norm=pre", "seeds=3"))
    events = _read(cell("norm=pre").path)
    assert [e.step for e in events.Scalars("signal/rms_gain")] == [0, 1, 3, 6]
    assert "signal/stream_rms/heatmap" in events.Tags()["images"]


def test_branch_skip_of_a_network_without_skips_has_no_image(cell):
    """The ratio of branch to skip is infinite."""
    small = cell("residual=off", "diagnostics=light", "seeds=1")
    train(small)
    assert not [tag for tag in _read(small.path).Tags()["images"] if "branch_skip" in tag]


@pytest.fixture
def dashboard(cell, tmp_path):
    """A dashboard over two runs, and its address."""
    for norm in ("pre", "none"):
        train(cell(f"norm={norm}", "diagnostics=light"))
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
    """Poll until the value of `get` satisfies `wanted`, and return it."""
    deadline = time.monotonic() + 60
    while not wanted(value := get()):
        assert time.monotonic() < deadline, value
        time.sleep(0.2)
    return value


@pytest.mark.slow
def test_the_dashboard_serves_all_tags(dashboard, cell):
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
    assert [c["title"] for c in layout["category"]] == ["Loss", "Accuracy", "Signal", "Gradient"]


PAGE_TEXTS = {
    "timeseries": ["pre+residual/depth0002"],
    "images": ["signal/stream_rms/heatmap", "gradient/stream_grad/profile"],
    "custom_scalars": ["Loss", "Accuracy", "Signal", "Gradient", "signal/rms_gain", "gradient/first_over_last"],
    "hparams": ["depth", "norm", "final/trained", "init/rms_gain", "init/gradient_ratio"],
}
"""Texts that each page of the dashboard must show."""


@pytest.mark.slow
def test_a_browser_renders_every_page_of_the_dashboard(dashboard, tmp_path):
    """Screenshots are kept among the test's files."""
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed")
    _wait_for(
        lambda: _get(dashboard, "data/plugin/scalars/tags"),
        lambda tags: sum("final/trained" in names for names in tags.values()) == 2,
    )
    with Browser(tmp_path / "profile") as browser:
        for page, words in PAGE_TEXTS.items():
            screenshot = tmp_path / f"{page}.png"
            browser.open(f"{dashboard}#{page}")
            assert browser.missing(words, screenshot) == [], page
            assert screenshot.stat().st_size > 20_000
        assert browser.click("PARALLEL COORDINATES VIEW")
        axes = ["dataset", "depth", "lr", "norm", "residual", "final/trained", "init/rms_gain", "Color by"]
        assert browser.missing(axes, tmp_path / "parallel.png") == []
    assert _viridis(tmp_path / "images.png") > 10_000


def _viridis(screenshot):
    """Count the pixels with the colors at the ends of the heatmaps' scale."""
    points = np.asarray(Image.open(screenshot).convert("RGB")).reshape(-1, 3).astype(int)
    return min(int((np.abs(points - end).max(1) < 12).sum()) for end in ((68, 1, 84), (253, 231, 37)))
