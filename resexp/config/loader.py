"""Hydra's loader for conf/ and the user's directory, the settings' defaults, and the text of `resexp train --help`."""

import copy
from collections.abc import Iterator
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from typing_extensions import override

from resexp.config.hydra_private import (
    CachingConfigRepository,
    ConfigLoaderImpl,
    SearchPathQuery,
    create_config_search_path,
)
from resexp.config.settings import SETTINGS, conf_dir
from resexp.config.values import shown

HELP = """resexp train [OVERRIDES]: train a cell, all its seeds at once; with -m, every cell of a sweep

Choices: GROUP=OPTION
$APP_CONFIG_GROUPS
Default choices: {choices}

Settings: KEY=VALUE [default]
{settings}

Options of a choice: GROUP.KEY=VALUE, such as optimizer.lr=3e-3; resexp train --cfg job prints all of them

Flags
  -m, --multirun    train a sweep: every combination of comma-separated values
  --config-dir DIR  add your own options, DIR/GROUP/OPTION.yaml
  --dry-run         list the cells and which are done; estimate time and memory for the others
  --cfg job         print the configuration instead of training
  --info            print how Hydra composed the configuration
  --hydra-help      print the flags and groups of Hydra itself
"""


def register() -> None:
    """Register the defaults of the settings and the text of `resexp train --help` with Hydra."""
    width = max(map(len, SETTINGS))
    text = HELP.format(
        choices=" ".join(_default_choices()),
        settings="\n".join(f"  {name:{width}}  {_setting_help(name)}" for name in SETTINGS),
    )
    store = ConfigStore.instance()
    store.store(name="settings", node={name: f.default for name, f in SETTINGS.items()})
    node = {"app_name": "resexp train", "header": "", "footer": "", "template": text}
    store.store(group="hydra/help", name="resexp", node=node)


def _default_choices() -> Iterator[str]:
    for entry in OmegaConf.load(conf_dir() / "config.yaml").defaults:
        if OmegaConf.is_dict(entry):
            yield from (f"{group}={choice}" for group, choice in entry.items() if " " not in str(group))


def _setting_help(name: str) -> str:
    setting = SETTINGS[name]
    words = setting.metadata["type"].words if setting.metadata["type"].is_choice else ()
    choices = f" {{{','.join(words)}}}" if words else ""
    return f"{setting.metadata['help']}{choices} [{shown(setting.default)}]"


class Repository(CachingConfigRepository):
    """Hydra's cache of YAML files. Hydra deep-copies it for every composition; these copies share the files.

    `load_config` returns a copy of a file's content, so that the caller may change it.
    """

    def __deepcopy__(self, memo: dict[int, object]) -> "Repository":
        """Return a repository with a search path of its own that shares the files."""
        other = copy.copy(self)
        other.delegate = copy.deepcopy(self.delegate, memo)
        return other

    @override
    def load_config(self, config_path: str) -> ConfigResult | None:
        return copy.deepcopy(super().load_config(config_path))


class Loader(ConfigLoaderImpl):
    """Hydra's loader, except that it reads every file and composes every configuration only once.

    `load_configuration` returns a copy of the composed configuration.
    """

    def __init__(self, config_dir: str | None) -> None:
        path = create_config_search_path(str(conf_dir()))
        if config_dir is not None:
            anchor = SearchPathQuery(provider="schema")
            path.prepend(provider="command-line", path=f"file://{Path(config_dir).absolute()}", anchor=anchor)
        super().__init__(config_search_path=path)
        self.repository = Repository(self.repository)  # type: ignore[assignment]
        self._composed: dict[tuple[object, ...], DictConfig] = {}

    def __getstate__(self) -> dict[str, object]:
        """Leave out composed configurations, since Hydra pickles its loader with each job for another machine."""
        return {**self.__dict__, "_composed": {}}

    @override
    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        key = (config_name, tuple(overrides), run_mode, validate_sweep_overrides)
        if key not in self._composed:
            self._composed[key] = super().load_configuration(
                config_name, overrides, run_mode, from_shell, validate_sweep_overrides
            )
        return copy.deepcopy(self._composed[key])
