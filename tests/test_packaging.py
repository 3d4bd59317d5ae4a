"""A built wheel, used from another directory, without the checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import TINY

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_package_and_options_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for file in (ROOT / "conf").rglob("*.yaml"):
        assert f"resexp/conf/{file.relative_to(ROOT / 'conf').as_posix()}" in names
    assert {*names} >= {"resexp/report/page.html", "resexp/report/page.css"}
    assert {name.split("/")[0].split("-")[0] for name in names} == {"resexp"}
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {"resexp"}


def test_the_wheel_works_from_any_directory(wheel, tmp_path):
    """In a fresh environment that borrows the dependencies, but not the checkout, from this one."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel], check=True)
    env = {**os.environ, "PYTHONPATH": f"{site}:{sysconfig.get_path('purelib')}"}

    def run(*args):
        return subprocess.run([python, *args], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    where = run("-c", "import resexp.config; print(resexp.config.conf_dir())").stdout.strip()
    assert where == str(Path(site) / "resexp" / "conf")
    done = run("-m", "resexp", "train", "+norm=pre", *TINY)
    assert done.returncode == 0, done.stderr
    (cell,) = json.loads(run("-m", "resexp", "runs", "--json").stdout)
    assert cell["status"] == "done"
    assert run("-m", "resexp", "report").returncode == 0
    assert "<svg" in (tmp_path / "outputs" / "report.html").read_text("utf-8")


def test_an_editable_install_reads_conf_where_it_lies():
    from resexp.config.settings import conf_dir

    assert conf_dir() == ROOT / "conf"
    assert not (Path(sysconfig.get_path("purelib")) / "resexp").exists()
