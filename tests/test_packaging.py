"""A built wheel, used from another directory, without the checkout."""

import json
import re
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
LAUNCHER_PACKAGES = {
    "basic": None,
    "local": None,
    "joblib": "hydra_joblib_launcher",
    "submitit_local": "hydra_submitit_launcher",
    "ray": "hydra_ray_launcher",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """Site-packages of a fresh environment with the wheel; dependencies, but not the checkout, come from this one."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel]
    subprocess.run(command, check=True)
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return site


@pytest.fixture
def python(site, tmp_path):
    """Run the Python of the environment with the wheel in an empty directory."""

    def run(*args):
        command = [site.parents[2] / "bin" / "python", *args]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_the_wheel_carries_package_options_and_plugins_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for file in (ROOT / "conf").rglob("*.yaml"):
        assert f"resexp/conf/{file.relative_to(ROOT / 'conf').as_posix()}" in names
    assert {*names} >= {"resexp/report/page.html", "resexp/report/page.css", "resexp/py.typed"}
    assert {name.split("/")[0].split("-")[0] for name in names} == {"resexp", "hydra_plugins"}
    assert {Path(name).stem for name in names if name.startswith("hydra_plugins/hydra_resexp/")} == {
        "__init__",
        "grid_sweeper",
        "local_launcher",
    }
    assert "hydra_plugins/__init__.py" not in names
    assert not [name for name in names if name.startswith("resexp/_plugins")]


def test_the_wheel_works_from_any_directory(site, python, tmp_path):
    shown = python("-c", "from resexp.config.settings import conf_dir; print(conf_dir())").stdout.strip()
    assert shown == str(site / "resexp" / "conf")
    trained = python("-m", "resexp", "train", "+norm=pre", *TINY)
    assert trained.returncode == 0, trained.stderr
    (cell,) = json.loads(python("-m", "resexp", "runs", "--json").stdout)
    assert cell["status"] == "done"
    assert python("-m", "resexp", "report").returncode == 0
    assert "<svg" in (tmp_path / "outputs" / "report.html").read_text("utf-8")


@pytest.mark.parametrize("launcher", LAUNCHER_PACKAGES)
def test_a_sweep_with_the_wheel_runs_on_every_launcher(python, launcher):
    if package := LAUNCHER_PACKAGES[launcher]:
        pytest.importorskip(f"hydra_plugins.{package}")
    sweep = python("-m", "resexp", "train", "-m", *TINY, "depth=1,2", "norm=pre", f"hydra/launcher={launcher}")
    assert sweep.returncode == 0, sweep.stderr
    assert len(re.findall(r"^\[\d/2\] ", sweep.stdout, re.M)) == 2
    single = python("-m", "resexp", "train", *TINY, "depth=2", "norm=pre", "outputs=single")
    assert single.returncode == 0, single.stderr
    swept, expected = (
        json.loads(python("-m", "resexp", "runs", "--json", path).stdout) for path in ("outputs", "single")
    )
    assert [cell["status"] for cell in swept] == ["done", "done"]
    (same,) = [cell for cell in swept if cell["name"] == expected[0]["name"]]
    assert same["replicates"] == expected[0]["replicates"]


def test_the_plugins_of_the_wheel_share_their_package_with_those_of_others(site, python):
    for package in filter(None, LAUNCHER_PACKAGES.values()):
        pytest.importorskip(f"hydra_plugins.{package}")
    program = "import hydra_plugins; print(*hydra_plugins.__path__, sep='\\n')"
    paths = [Path(path) for path in python("-c", program).stdout.splitlines()]
    assert paths[0] == site / "hydra_plugins"
    assert len(paths) > 1
    shown = python("-m", "resexp", "train", "--info", "plugins").stdout
    for plugin in ("GridSweeper", "LocalLauncher", "JoblibLauncher", "SlurmLauncher", "RayLauncher"):
        assert plugin in shown


def test_an_editable_install_reads_conf_where_it_lies():
    from resexp.config.settings import conf_dir

    assert conf_dir() == ROOT / "conf"
    assert not (Path(sysconfig.get_path("purelib")) / "resexp").exists()
