"""The report page: self-contained, accessible and consistent with the runs, for any names and results."""

import itertools
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from resexp.cli.main import main
from resexp.config.errors import InputError
from resexp.report.writing import write_report
from resexp.stats.verdict import Reference
from tests.report.page_reader import Page

SLOW = pytest.mark.slow
CLOSE = Reference(2.3, 2.2, 0.1, 100)
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def page(tmp_path):
    """Return a function that writes the report of outputs/ and parses it."""

    def read(path="outputs"):
        output, _ = write_report(tmp_path / path)
        return Page(output.read_text("utf-8"))

    return read


def check(page):
    """Assert what holds for every page: no external resources, valid links, text alternatives, heading order."""
    for tag, attributes in page.elements:
        assert tag not in ("script", "link", "iframe", "object", "base")
        assert not any(name.startswith("on") for name in attributes)
        for key in ("href", "src", "xlink:href", "action", "data"):
            assert not re.match(r"[a-z]+:|//", attributes.get(key) or "", re.I), attributes
        assert re.findall(r"url\((?!#)", attributes.get("style") or "") == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len({*ids})
    for tag, attributes in page.elements:
        target = attributes.get("href" if tag in ("a", "use") else "xlink:href") or ""
        assert not target.startswith("#") or target[1:] in ids
    for figure in (a for a in page.all("div") if a.get("role") == "img"):
        assert len(figure["aria-label"]) > 20
    assert len([a for a in page.all("div") if a.get("role") == "img"]) == len(page.all("svg"))
    assert len(page.all("figure")) == len(page.all("figcaption")) == len(page.all("svg")) / 2
    assert all(svg["aria-hidden"] == "true" for svg in page.all("svg"))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert len(page.all("table")) == len(page.all("caption"))
    assert len(page.all("h1")) == len(page.all("main")) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


def test_the_page_of_a_sweep_has_every_section_and_links_every_run(make, page, tmp_path):
    ends = {"pre+residual": 0.01, "pre+plain": 2.31, "none+residual": None, "none+plain": 1.5}
    runs = [make(arm, depth, 0.01 if depth == 8 else end) for depth in (8, 24) for arm, end in ends.items()]
    parsed = page()
    check(parsed)
    text = parsed.text
    assert "pre+residual trains deepest: to depth 24, the deepest tried." in text
    assert "3 of 3 seeds (95 % interval 44 to 100 %)" in text
    assert "The two intervals overlap" in text  # 3 of 3 and 0 of 3: 44 to 100 and 0 to 56 %
    for heading in (
        "Trainability map",
        "How deep each arm trains",
        "Loss curves",
        "The deepest arm against the others",
        "Failures",
    ):
        assert heading in text
    assert "3 comparisons, p after Holm: p ≤ 0.05 needs 7 paired seeds; there are 3." in text
    assert "No p below can reach 0.05, whatever the difference: train 4 more seeds." in text
    assert "Residual × norm" in text
    assert "Significant: 0 of 6 effects." in text
    assert "A step takes 1.25 times as long with pre, layernorm (1.25 over 4 pairs)" in text
    assert "× 1.01" in text
    for verdict in ("3 trained", "3 stuck", "3 diverged", "3 slow"):
        assert verdict in text
    links = {unquote(a["href"]).rstrip("/") for a in parsed.all("a")}
    for run in runs:
        assert run.relative_to(tmp_path / "outputs").as_posix() in links
        assert f"#run-{run.name[-12:]}" in links
    for figure in ("map", "depth", "losses"):
        assert f"report/{figure}.svg" in links
        ET.parse(tmp_path / "outputs" / "report" / f"{figure}.svg")
        assert (tmp_path / "outputs" / "report" / f"{figure}.png").read_bytes()[:4] == b"\x89PNG"


def test_trainable_depths_are_listed_with_links_to_their_runs(make, page):
    for lr in (1e-3, 1e-2):
        for depth, end in ((4, 0.1), (8, 0.1), (16, 0.1 if lr < 2e-3 else 2.31), (32, 2.31)):
            make("pre+residual", depth, end, seeds=5, lr=lr, tuning_seeds=[0, 1])
    parsed = page()
    check(parsed)
    assert re.search(
        r"pre\+residual 2\d 1\d to [345]\d [0-9., ]+ 3/3 at 4 , 3/3 at 8 , 3/3 at 16 , 0/3 at 32", parsed.text
    )
    assert "The diamond is the trainable depth D50" in parsed.text
    assert "By the logistic fit over all depths: The trainable depth D50 of pre+residual is 2" in parsed.text


def test_hostile_names_are_escaped(make, page, tmp_path):
    odd = {"dataset": HOSTILE, "normalizer": f"{HOSTILE}</style>"}
    make("pre+residual", 8, choices=odd, activation="$x^{&\ud800漢")
    make("pre+plain", 8, choices={"dataset": HOSTILE}, activation='"><img src=x onerror=alert(1)>', notes=[HOSTILE])
    make("none+residual", 8, status="failed", error=f"ValueError: {HOSTILE}", choices={"dataset": HOSTILE})
    parsed = page()
    check(parsed)
    assert parsed.all("img") == []
    assert parsed.text.count(HOSTILE) >= 4
    written = {file.resolve().relative_to(tmp_path / "outputs").parts[0] for file in tmp_path.rglob("*.png")}
    assert written == {"report"}


@pytest.mark.slow
def test_each_data_set_and_model_has_its_own_section(make, page):
    make("pre+residual", 8)
    make("pre+residual", 8, 2.31, choices={"dataset": "text"}, lr=0.1)
    parsed = page()
    check(parsed)
    assert "digits, mlp" in parsed.text
    assert "text, mlp" in parsed.text
    assert "Nothing trains at depth 8" in parsed.text
    assert {a["href"] for a in parsed.all("a")} >= {"report/digits-mlp/map.svg", "report/text-mlp/map.svg"}


def test_learning_rates_and_layers_have_figures(make, page):
    for lr in (1e-3, 1e-2):
        path = make("pre+residual", 8, lr=lr)
    seed, layer = np.repeat([0, 1], 4), np.tile(np.arange(4), 2)
    table = {"seed": seed, "step": np.full(8, 9), "layer": layer, "quantity": ["stream_rms"] * 8, "value": 1.0 + layer}
    pq.write_table(pa.table(table), path / "layers.parquet")
    parsed = page()
    check(parsed)
    assert "Depth and learning rate" in parsed.text
    assert "Layer by layer: stream RMS" in parsed.text
    assert "pre+residual lr=0.01" in parsed.text


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([{"status": "failed", "error": "MemoryError"}], "Nothing is done yet"),
        ([{"end": None}, {"reference": None, "depth": 24}], "Nothing trains at depth 8."),
        pytest.param([{}], "pre+residual trains at depth 8.", marks=SLOW),
        pytest.param([{"seeds": 1}], "1 of 1 seed (95 % interval 21 to 100 %)", marks=SLOW),
        pytest.param([{"reference": None}], "The shallow reference that sets the target loss has not been", marks=SLOW),
        pytest.param([{"reference": CLOSE}], "hardly better than a constant prediction (2.20 nats).", marks=SLOW),
        pytest.param([{}, {"status": "interrupted", "depth": 24}], "Not done: 1 of 2 cells", marks=SLOW),
    ],
)
def test_pages_with_missing_or_unusual_results(make, page, cells, expected):
    for cell in cells:
        make(**cell)
    parsed = page()
    check(parsed)
    assert expected in parsed.text


@pytest.mark.slow
def test_a_page_of_64_cells_links_every_run(make, page):
    for lr in np.geomspace(1e-4, 1e-1, 16):
        for depth in (4, 8, 16, 32):
            make("pre+residual", depth, 0.01, lr=float(lr))
    parsed = page()
    check(parsed)
    assert len({a["href"] for a in parsed.all("a") if a["href"].startswith("#run-")}) == 64


def test_the_last_sweep_is_the_default_and_a_manifest_is_a_valid_path(make, tmp_path, capsys):
    first, last = make("pre+residual", 8), make("pre+residual", 24)
    for n, run in enumerate((first, last)):
        record = tmp_path / "outputs" / ".sweeps" / f"2030-01-0{n + 1}"
        record.mkdir(parents=True)
        about = {"command": ["x", "train", "-m", f"depth={8 + 16 * n}"], "started": f"2030-01-0{n + 1}T00:00:00"}
        cells = [{"id": run.name, "path": f"../../{run.relative_to(tmp_path / 'outputs')}"}]
        (record / "sweep.json").write_text(json.dumps({**about, "outputs": "../..", "cells": cells}))
    output = tmp_path / "outputs" / "report.html"
    assert main(["report"]) == 0
    assert "outputs/report.html" in capsys.readouterr().out
    assert "resexp train -m depth=24" in (text := Page(output.read_text("utf-8")).text)
    assert "depth 8" not in text
    assert main(["report", "outputs/.sweeps/2030-01-01", "--output", "elsewhere/page.html"]) == 0
    parsed = Page((tmp_path / "elsewhere" / "page.html").read_text("utf-8"))
    assert "resexp train -m depth=8" in parsed.text
    assert not any("run/" in a["href"] for a in parsed.all("a"))  # runs outside the page's folder are not linked
    assert (tmp_path / "elsewhere" / "page" / "map.svg").exists()
    assert main(["report", str(first)]) == 0
    assert (first / "report.html").exists()


def test_invalid_paths_are_refused_with_one_line(make, tmp_path, capsys):
    (tmp_path / "outputs").mkdir()
    for argv, message in (
        (["nowhere"], "nowhere: no such directory"),
        (["outputs"], "outputs: no runs there yet"),
    ):
        assert main(["report", *argv]) == 2
        assert message in capsys.readouterr().err
    make()
    (tmp_path / "file").write_text("")
    for output in ("file/report.html", "outputs"):
        assert main(["report", "outputs", "--output", output]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_a_full_disk_is_reported_as_an_input_error(make, mount):
    make()
    small = mount("small", "size=64k")
    with pytest.raises(InputError, match="No space left"):
        write_report(small.parent / "outputs", small / "report.html")
    assert not (small / "report.html").exists()


@pytest.mark.slow
def test_the_report_does_not_import_torch(make):
    make()
    code = "import sys; from resexp.cli.main import main; main(['report', 'outputs']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.slow
def test_the_page_fits_a_phone_and_has_a_dark_mode_in_chromium(make, page, tmp_path):
    """Screenshots have an empty right margin and a dark background in dark mode."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium here")
    for arm in ("pre+residual", "none+residual", "pre+plain"):
        for depth, end in ((8, 0.01), (24, 2.31)):
            make(arm, depth, end)
    page()
    report = tmp_path / "outputs" / "report.html"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={tmp_path}/profile"]

    def shot(name, *more):
        command = [chromium, *flags, *more, f"--screenshot={tmp_path / name}", report.as_uri()]
        subprocess.run(command, capture_output=True, check=True, timeout=120)
        with Image.open(tmp_path / name) as image:
            return np.asarray(image.convert("L"), float)

    light = shot("light.png", "--window-size=400,3000")
    dark = shot("dark.png", "--window-size=400,3000", "--force-dark-mode", "--blink-settings=preferredColorScheme=0")
    assert light.shape[1] == 400
    assert light.mean() > 200
    assert dark.mean() < 60
    assert (light[:, -6:] > 250).all()  # the margin is empty
