"""Hydra's loader over conf/ and the user's directory, and what the rest of Hydra is told about this program."""

import copy
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig

from resexp.config.settings import SETTINGS, conf_dir

HELP = """resexp train [OVERRIDES]: train all seeds of a cell at once, or of every cell of a sweep (-m).

Choices (GROUP=OPTION; +GROUP=OPTION means the same)
$APP_CONFIG_GROUPS
Settings (KEY=VALUE)
{settings}

An option's own keys: GROUP.KEY=VALUE, for example optimizer.lr=3e-3. All of them: resexp train --cfg job

Flags
  -m, --multirun    a sweep: every combination of comma-separated values
  --config-dir DIR  your own options: DIR/GROUP/OPTION.yaml
  --dry-run         the cells, which of them are done, and an estimate of time and memory for the others
  --cfg job         print the configuration instead of training
  --info            what Hydra composed it from
  --hydra-help      the flags and groups of Hydra itself
"""


def register() -> None:
    """Tell Hydra the settings and the text of `resexp train --help`."""
    width = max(map(len, SETTINGS))
    settings = "\n".join(f"  {n:{width}}  {f.metadata['help']} [{_shown(f.default)}]" for n, f in SETTINGS.items())
    store = ConfigStore.instance()
    store.store(name="settings", node={name: f.default for name, f in SETTINGS.items()})
    store.store(
        group="hydra/help",
        name="resexp",
        node={"app_name": "resexp train", "header": "", "footer": "", "template": HELP.format(settings=settings)},
    )


def _shown(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


class Repository(CachingConfigRepository):
    """Hydra's, whose files Hydra copies, all of them, for every composition and question; here, just what is read."""

    def __deepcopy__(self, memo: dict[int, object]) -> "Repository":
        """Another view of the same files, with a search path of its own."""
        view = copy.copy(self)
        view.delegate = copy.deepcopy(self.delegate, memo)
        return view

    def load_config(self, config_path: str) -> ConfigResult | None:
        """As CachingConfigRepository.load_config; the caller may change the result."""
        return copy.deepcopy(super().load_config(config_path))


class Loader(ConfigLoaderImpl):
    """Hydra's loader, reading every file once and composing every cell once, however often Hydra asks for it."""

    def __init__(self, config_dir: str | None) -> None:
        path = create_config_search_path(str(conf_dir()))
        if config_dir is not None:
            anchor = SearchPathQuery(provider="schema")
            path.prepend(provider="command-line", path=f"file://{Path(config_dir).absolute()}", anchor=anchor)
        super().__init__(config_search_path=path)
        self.repository = Repository(self.repository)  # type: ignore[assignment]
        self._composed: dict[tuple[object, ...], DictConfig] = {}

    def __getstate__(self) -> dict[str, object]:
        """Without what is composed: Hydra copies its loader with each job that it sends elsewhere."""
        return {**self.__dict__, "_composed": {}}

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """As ConfigLoaderImpl.load_configuration."""
        key = (config_name, tuple(overrides), run_mode, validate_sweep_overrides)
        if key not in self._composed:
            self._composed[key] = super().load_configuration(
                config_name, overrides, run_mode, from_shell, validate_sweep_overrides
            )
        return copy.deepcopy(self._composed[key])
