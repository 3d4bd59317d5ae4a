"""How Hydra finds the sweeper and the launcher."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

from resexp.config.grid import GRID_SWEEPER
from resexp.sweeps.sweep import LOCAL_LAUNCHER

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "resexp" / "_plugins" / "hydra_plugins"

DISCOVER = """
import json
from hydra.core.plugins import Plugins
print(json.dumps([f"{plugin.__module__}.{plugin.__name__}" for plugin in Plugins.instance().discover()]))
"""
IMPORT = """
import sys
import hydra_plugins.hydra_resexp.grid_sweeper, hydra_plugins.hydra_resexp.local_launcher
print([name for name in sys.modules if name.split(".")[0] in ("torch", "resexp")])
"""


def _python(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_hydra_discovers_the_plugins_that_conf_names():
    targets = [
        yaml.safe_load((ROOT / "conf" / "hydra" / file).read_text())["_target_"]
        for file in ("sweeper/grid.yaml", "launcher/local.yaml")
    ]
    assert targets == [GRID_SWEEPER, LOCAL_LAUNCHER]
    assert {*targets} <= {*json.loads(_python(DISCOVER))}


def test_the_plugins_import_neither_torch_nor_resexp():
    assert _python(IMPORT) == "[]\n"


def test_hydra_plugins_stays_a_namespace_package_that_others_share():
    assert not (PLUGINS / "__init__.py").exists()
    assert not (PLUGINS.parent / "__init__.py").exists()
    file, paths = json.loads(
        _python("import json, hydra_plugins; print(json.dumps([hydra_plugins.__file__, [*hydra_plugins.__path__]]))")
    )
    assert file is None
    assert str(PLUGINS) in paths
