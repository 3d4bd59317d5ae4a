"""Every import of what Hydra does not document as public; the linter refuses such an import anywhere else.

Tested with hydra-core 1.3.2 and 1.3.8. Why each name is needed:

- `Hydra`, `GlobalHydra`, `setbase`: check all cells of a command before any file is written. `hydra.main` creates
  directories and log files first, and `hydra.compose` neither runs a sweep nor prints help.
- `ConfigLoaderImpl`, `CachingConfigRepository`, `create_config_search_path`, `SearchPathQuery`: read each file and
  compose each cell only once (config/loader.py), and search the directory of `--config-dir` before conf/.
- `ConfigDefault`, `GroupDefault`: find out which groups have a default choice, and what an option builds on.
- `OverridesParser`, `Override`, `ObjectType`: parse overrides before composition, so that an error names its key.
- `BasicSweeper`: expand a sweep into jobs exactly as Hydra does.
- `Plugins`: create the launcher of a sweep, as Hydra's own sweepers do.
- `BashCompletion`, `FishCompletion`: print the completion functions of a shell.
- `get_args_parser`: parse the flags of Hydra's command line.
- `override_candidates`, `job_value`: what `DefaultCompletionPlugin` and `JobReturn` offer only with output to stdout
  or stderr.
- `BASIC_LAUNCHER`, `BASIC_SWEEPER`: the `_target_` of `hydra/launcher=basic` and `hydra/sweeper=basic`.
"""

from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.core_plugins.bash_completion import BashCompletion
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.core_plugins.fish_completion import FishCompletion
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.default_element import ConfigDefault, GroupDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.completion_plugin import DefaultCompletionPlugin
from hydra.version import setbase

__all__ = [
    "BASIC_LAUNCHER",
    "BASIC_SWEEPER",
    "BashCompletion",
    "BasicSweeper",
    "CachingConfigRepository",
    "ConfigDefault",
    "ConfigLoaderImpl",
    "FishCompletion",
    "GlobalHydra",
    "GroupDefault",
    "Hydra",
    "ObjectType",
    "Override",
    "OverridesParser",
    "Plugins",
    "SearchPathQuery",
    "create_config_search_path",
    "get_args_parser",
    "job_value",
    "override_candidates",
    "setbase",
]

BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def override_candidates(loader: ConfigLoader, line: str) -> list[str]:
    """Return the completions of the last override of `line`. Raises any error, or SystemExit, if it does not parse."""
    return [*DefaultCompletionPlugin(loader)._query("config", line)]


def job_value(job: JobReturn) -> Any:
    """Return the value or the exception of a job. (Its property `return_value` prints the exception and raises it.)"""
    return job._return_value
