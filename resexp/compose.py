"""From overrides to checked cells, by Hydra; nothing heavy is imported and nothing is written."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hydra import version
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.default_element import ConfigDefault, GroupDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from resexp.config import DIALS, Cell, Dials
from resexp.kinds import InputError, check, kind_of, nearest
from resexp.loader import Loader, register

T = TypeVar("T")

NAMED_BY_PATH = ("dataset", "model", "norm", "residual")
"""Groups whose choice the path of a run directory names anyway."""


class Composer:
    """Hydra over conf/ and, before it, the user's `config_dir`.

    Raises InputError where `config_dir` is no directory of options.
    """

    def __init__(self, config_dir: str | None = None, config_name: str | None = None) -> None:
        version.setbase("1.3")
        register()
        self.config_name = config_name or "config"
        self.loader = Loader(config_dir)
        self.hydra = Hydra(task_name="resexp", config_loader=self.loader)
        GlobalHydra.instance().clear()
        GlobalHydra.instance().initialize(self.hydra)
        self.default_choices = {
            str(d.group): str(d.value)
            for d in self._defaults_list("config")
            if isinstance(d, GroupDefault) and not d.override
        }
        if config_dir is not None:
            self._check_config_dir(Path(config_dir))
        self.groups = [g for g in self.loader.list_groups("") if g != "hydra"]
        self.keys = {*self.groups, *DIALS}

    def _check_config_dir(self, path: Path) -> None:
        if not path.is_dir():
            raise InputError(f"--config-dir {path}: no such directory")
        folders = [d.name for d in path.iterdir() if d.is_dir() and any(d.glob("*.yaml"))]
        if not any(f in {*self.default_choices, "experiment", "hydra", "sweep"} for f in folders):
            hint = nearest(folders[0] if folders else "", self.default_choices)
            raise InputError(f"--config-dir {path}: holds no group of options (a folder of YAML files){hint}")

    def overrides(self, given: Sequence[str]) -> list[str]:
        """`given` with `+key` as `key` wherever the key exists anyway: `+norm=pre` and `norm=pre` mean the same."""

        def plain(text: str) -> str:
            match = re.match(r"\+([A-Za-z_]\w*)", text)
            return text[1:] if match and match[1] in self.keys else text

        return [plain(text) for text in given]

    def cells(self, overrides: list[str], *, multirun: bool) -> list[Cell]:
        """Every cell that `overrides` ask for, checked. Raises InputError at the first that is wrong."""
        cells = [self._cell(job) for job in (self._jobs(overrides) if multirun else [overrides])]
        for cell in cells:
            _ = cell.id  # it reads the data paths
        return cells

    def run(self, overrides: list[str], task: Callable[[Cell], T], *, multirun: bool) -> list[T]:
        """Hand over to Hydra, which calls `task` for each cell through the chosen launcher; what the tasks returned."""

        def job(config: DictConfig) -> T | InputError | OSError:
            try:
                return task(self._check(config, HydraConfig.get()))
            except (InputError, OSError) as error:  # raised here, Hydra would print more than a line
                return error

        if multirun:
            batches = _one_line(lambda: self.hydra.multirun(self.config_name, job, overrides))
            returns = [r for batch in batches for r in batch]
        else:
            returns = [_one_line(lambda: self.hydra.run(self.config_name, job, overrides))]
        values: list[T | InputError | OSError] = [r.return_value for r in returns]
        for value in values:
            if isinstance(value, InputError | OSError):
                raise value
        return [value for value in values if not isinstance(value, InputError | OSError)]

    def _load(self, overrides: list[str], mode: RunMode = RunMode.RUN) -> DictConfig:
        try:
            return _one_line(lambda: self.loader.load_configuration(self.config_name, overrides, mode))
        except OSError as error:  # what a file of options that cannot be read, or holds no mapping, makes of Hydra
            raise InputError(str(error)) from error

    def _parse(self, overrides: list[str]) -> list[Override]:
        return _one_line(lambda: OverridesParser.create(config_loader=self.loader).parse_overrides(overrides))

    def _jobs(self, overrides: list[str]) -> list[list[str]]:
        """The overrides of every job of a sweep, as Hydra's basic sweeper will form them."""
        given = self._parse(overrides)
        for override in given:
            self._check_key(override)
        sweeper = self._load(overrides, RunMode.MULTIRUN).hydra.sweeper
        if not str(sweeper.get("_target_")).endswith("BasicSweeper"):
            raise InputError("hydra/sweeper: only Hydra's basic sweeper is supported")
        hydra = [str(o.input_line) for o in given if o.is_hydra_override()]
        params = self._parse([f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()])
        tasks = [*params, *(o for o in given if not o.is_hydra_override())]
        batches = _one_line(lambda: BasicSweeper.split_arguments(tasks, None))
        return [[*hydra, *job] for batch in batches for job in batch]

    def _cell(self, overrides: list[str]) -> Cell:
        """The cell that overrides without sweeps ask for."""
        given = self._parse(overrides)
        for override in given:
            self._check_key(override)
            if override.is_sweep_override():
                raise InputError(f"{override.input_line}: several values need -m, as in resexp train -m …")
        try:
            config = self._load(overrides)
        except InputError:
            self._check_options([o for o in given if "." in o.key_or_group and not o.is_hydra_override()], overrides)
            raise
        return self._check(config, config.hydra)

    def _check_key(self, override: Override) -> None:
        """Refuse an unknown key, group or option."""
        key = override.key_or_group.split(".")[0]
        if key == "hydra" and override.key_or_group == "hydra.mode":
            raise InputError("hydra.mode: -m makes a sweep, its absence a single run")
        if key not in self.keys and not override.is_hydra_override():
            raise InputError(f"unknown key {key}{nearest(key, self.keys)}")
        group = override.key_or_group
        if (group in self.groups or group.startswith("hydra/")) and not override.is_delete():
            options = self.loader.get_group_options(group, ObjectType.CONFIG)
            many = override.is_sweep_override() and override.is_discrete_sweep()
            for value in override.sweep_string_iterator() if many else [override.get_value_element_as_str()]:
                if value not in options:
                    raise InputError(f"{group}={value}: no such {group}{nearest(value, options)}")

    def _check_options(self, options: list[Override], overrides: list[str]) -> None:
        """Name the first of `options` that the chosen groups do not have."""
        config = self._load([o for o in overrides if o not in {x.input_line for x in options}])
        for option in options:
            group, _, key = option.key_or_group.partition(".")
            keys = [*(config.get(group) or {})] if group not in DIALS else []
            if key.split(".")[0] not in keys:
                raise InputError(f"unknown key {group}.{key}{nearest(key, keys)}")

    def _defaults_list(self, path: str) -> list[Any]:
        loaded = self.loader.repository.load_config(path)
        return list(loaded.defaults_list or []) if loaded else []

    def _shipped(self, group: str, choice: str) -> dict[str, Any]:
        """The options of a choice as its YAML, and those that it builds on, give them."""
        shipped: dict[str, Any] = {}
        for base in self._defaults_list(f"{group}/{choice}"):
            if isinstance(base, ConfigDefault) and base.path != "_self_":
                shipped |= self._shipped(group, str(base.path))
        loaded = self.loader.repository.load_config(f"{group}/{choice}")
        return shipped | _container(loaded.config if loaded else {})

    def _check(self, composed: DictConfig, hydra: Any) -> Cell:
        """A Cell from what Hydra composed. Raises InputError with the key, the value and what is allowed."""
        chosen = hydra.runtime.choices
        order = [*self.default_choices, *(g for g in chosen if g not in self.default_choices)]
        choices = {g: str(chosen[g]) for g in order if g in self.groups and chosen.get(g) is not None}
        config = _one_line(lambda: _container(composed))
        config.pop("hydra", None)
        for group in self.default_choices:
            if group not in choices or group not in config:
                raise InputError(f"{group}: needs a choice{nearest('', self.loader.get_group_options(group))}")
        for key in config:
            if key not in self.keys:
                raise InputError(f"unknown key {key}{nearest(key, self.keys)}")
        for name, spec in DIALS.items():
            check(name, config.get(name, "missing"), spec.metadata["kind"])
        options = {group: config[group] for group in choices if group in config}
        changed = [*self._changed(config, choices, options)]
        dials = Dials(**{name: config[name] for name in DIALS})
        return Cell(dials, choices, options, tuple(changed), tuple(hydra.overrides.task))

    def _changed(self, config: dict[str, Any], choices: dict[str, str], options: dict[str, Any]) -> Iterator[str]:
        """A word for each difference from the defaults that the path does not tell; checks the options on the way."""
        for name, spec in DIALS.items():
            if spec.metadata["identity"] and name != "depth" and config[name] != spec.default:
                yield f"{name}{config[name]}"
        for group, values in options.items():
            if group not in NAMED_BY_PATH and choices[group] != self.default_choices.get(group):
                yield choices[group]
            shipped = self._shipped(group, choices[group])
            if group in self.default_choices and "_target_" not in shipped:
                raise InputError(f"{group}={choices[group]}: its YAML has no _target_")
            for key in shipped.keys() - values.keys():
                raise InputError(f"{group}.{key}: needs a value")
            for key, value in values.items():
                if key not in shipped:
                    raise InputError(f"unknown key {group}.{key}{nearest(key, shipped)}")
                check(f"{group}.{key}", value, kind_of(key, shipped[key]))
                if value != shipped[key]:
                    yield f"{key}{value}"


def _container(config: object) -> dict[str, Any]:
    plain = OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config
    if not isinstance(plain, dict):
        raise InputError(f"an option's YAML holds keys and values, not {plain}")
    return {str(key): value for key, value in plain.items()}


def _one_line(load: Callable[[], T]) -> T:
    """The value of `load`, its Hydra and OmegaConf errors as an InputError of one line."""
    try:
        return load()
    except OverrideParseException as error:
        raise InputError(f"{error.override}: not of the form KEY=VALUE ({str(error).splitlines()[0]})") from error
    except (HydraException, OmegaConfBaseException, UnicodeDecodeError, YAMLError) as error:
        reason = error.__cause__ or error
        lines = [line.strip() for line in str(reason).splitlines() if not set(line) <= set(" ^")]
        whole = [line for line in lines if not line.endswith(":")]  # others announce a list
        raise InputError("; ".join(whole[:2]) or type(reason).__name__) from error
