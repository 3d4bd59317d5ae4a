"""Overrides become checked cells, composed by Hydra. Torch is not imported and nothing is written."""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from hydra.types import RunMode
from omegaconf import DictConfig

from resexp.config.cell import Cell, CellKey
from resexp.config.check import Checker, hydra_errors_as_input_errors
from resexp.config.errors import InputError, nearest
from resexp.config.grid import GRID_SWEEPER, grid_filter, grid_jobs
from resexp.config.hydra_private import (
    BASIC_SWEEPER,
    GlobalHydra,
    Hydra,
    ObjectType,
    Override,
    OverridesParser,
    setbase,
)
from resexp.config.loader import Loader, register
from resexp.config.settings import SETTINGS
from resexp.config.values import LAUNCHER_TYPES, check_value

Job: TypeAlias = tuple[list[str], Cell]
"""The overrides of a cell, and the cell."""

OverrideValue: TypeAlias = str | float | Path | Sequence["OverrideValue"] | None
"""A value of an override in Python."""


class Composer:
    """Composes cells and sweeps from the YAML in conf/ and in a directory of the user's.

    Args:
        config_dir: a directory of option groups, searched before conf/.
        config_name: the primary configuration file, without its suffix; "config" by default.

    Raises:
        InputError: `config_dir` is not a directory of option groups.

    """

    def __init__(self, config_dir: str | None = None, config_name: str | None = None) -> None:
        setbase("1.3")
        register()
        if (here := str(Path.cwd())) not in sys.path:  # find user classes, as `python -m resexp` does
            sys.path.append(here)
        self.config_name = config_name or "config"
        self.loader = Loader(config_dir)
        self.hydra = Hydra(task_name="resexp", config_loader=self.loader)
        GlobalHydra.instance().clear()
        GlobalHydra.instance().initialize(self.hydra)
        self.checker = Checker(self.loader)
        self._sweeps: dict[tuple[str, ...], DictConfig] = {}
        if config_dir is not None:
            self._check_config_dir(Path(config_dir))

    def _check_config_dir(self, path: Path) -> None:
        if not path.is_dir():
            raise InputError(f"--config-dir {path}: no such directory")
        folders = [d.name for d in path.iterdir() if d.is_dir() and any(d.glob("*.yaml"))]
        groups = self.checker.default_choices
        if not any(f in {*groups, "experiment", "hydra", "sweep"} for f in folders):
            hint = nearest(folders[0] if folders else "", groups)
            raise InputError(f"--config-dir {path}: holds no option group (a folder of YAML files){hint}")

    def normalize(self, overrides: Sequence[str]) -> list[str]:
        """Return the overrides with the `+` that Hydra requires, which the user may write or omit.

        Hydra wants a `+` before groups without a default choice and none before groups with one. After this,
        `+norm=pre` means `norm=pre`, and `sweep=matrix` means `+sweep=matrix`. Options of a group whose `_target_` is
        overridden need no `+` either.
        """
        defaults, keys = self.checker.default_choices, self.checker.keys
        retargeted = {match[1] for text in overrides if (match := re.match(r"\+*(\w+)\._target_=", text))}

        def normalized(text: str) -> str:
            match = re.match(r"\+?([A-Za-z_]\w*)", text)
            if not match or match[1] not in keys:
                return text
            bare = text.lstrip("+")
            if match[1] in retargeted and bare.startswith(f"{match[1]}."):
                return f"++{bare}"
            return bare if match[1] in defaults or match[1] in SETTINGS else f"+{bare}"

        return [normalized(text) for text in overrides]

    def is_sweep(self, overrides: list[str]) -> bool:
        """Return whether the overrides choose a named sweep, `sweep=…`."""
        return any(override.key_or_group == "sweep" for override in self._parse(overrides))

    def jobs(self, overrides: list[str], on_first_cell: Callable[[Cell], None] = lambda cell: None) -> list[Job]:
        """Compose and check every cell of a sweep.

        Args:
            overrides: the normalized overrides of the sweep.
            on_first_cell: called with the first cell before the others are composed, some of which may be refused.

        Returns:
            The overrides and the cell of each job; empty if a sweeper such as Optuna's chooses them as it goes.

        Raises:
            InputError: an override or a cell is not valid, or two configurations are the same cell.

        """
        parsed = self._parse(overrides)
        for override in parsed:
            self._check_key(override)
            if override.key_or_group == "sweep" and override.is_sweep_override():
                raise InputError(f"{str(override.input_line).lstrip('+')}: expected one named sweep")
        config = self.sweep_config(overrides)
        for key, value_type in LAUNCHER_TYPES.items():
            if key in config.hydra.launcher:
                check_value(f"hydra.launcher.{key}", config.hydra.launcher[key], value_type)
        if config.hydra.sweeper.get("_target_") not in (GRID_SWEEPER, BASIC_SWEEPER):
            self.cell([str(o.input_line) for o in parsed if not o.is_sweep_override()])  # check the rest
            return []
        combinations, belongs = grid_jobs(self.checker, config, overrides), grid_filter(self.checker, config)
        composed = ((job, self._compose(job)) for job in combinations)
        checked = ((job, self._sweep_cell(config)) for job, config in composed if belongs(config))
        first = next(checked, None)
        if first is None:
            raise InputError(f"hydra.sweeper: its conditions exclude all {len(combinations)} cells")
        on_first_cell(first[1])
        jobs = [first, *checked]
        _refuse_duplicates(jobs)
        return jobs

    def sweep_config(self, overrides: list[str]) -> DictConfig:
        """Return the configuration of a sweep as a whole, composed once. Raises InputError."""
        if (key := tuple(overrides)) not in self._sweeps:
            self._sweeps[key] = self._load(overrides, RunMode.MULTIRUN)
        return self._sweeps[key]

    def _load(self, overrides: list[str], mode: RunMode = RunMode.RUN) -> DictConfig:
        try:
            with hydra_errors_as_input_errors():
                return self.loader.load_configuration(self.config_name, overrides, mode)
        except OSError as error:  # raised by Hydra if a YAML file cannot be read or holds no mapping
            raise InputError(str(error)) from error

    def _parse(self, overrides: list[str]) -> list[Override]:
        with hydra_errors_as_input_errors():
            return OverridesParser.create(config_loader=self.loader).parse_overrides(overrides)

    def cell(self, overrides: list[str]) -> Cell:
        """Compose and check the cell of normalized overrides without swept values. Raises InputError."""
        return self._checked(self._compose(overrides))

    def cells(self, overrides: list[str], *, is_sweep: bool) -> list[Cell]:
        """Compose and check the cells of normalized overrides: of a sweep, or the one cell. Raises InputError."""
        return [cell for _, cell in self.jobs(overrides)] if is_sweep else [self.cell(overrides)]

    def check_keys(self, overrides: list[str], refusal: str) -> list[Override]:
        """Return the parsed overrides of a cell.

        Raises:
            InputError: a key, a group or a choice does not exist, or an override has several values; `refusal` says
                why they are refused.

        """
        parsed = self._parse(overrides)
        for override in parsed:
            self._check_key(override)
            if override.is_sweep_override():
                raise InputError(f"{override.input_line}: {refusal}")
        return parsed

    def _compose(self, overrides: list[str]) -> DictConfig:
        """Load a configuration; if it fails, name the key that is misspelled."""
        parsed = self.check_keys(overrides, "several values need -m, as in resexp train -m …")
        try:
            return self._load(overrides)
        except InputError:
            self._check_options([o for o in parsed if "." in o.key_or_group and not o.is_hydra_override()], overrides)
            raise

    def _checked(self, config: DictConfig) -> Cell:
        cell = self.checker.cell(config, config.hydra)
        _ = cell.id  # reads the data paths
        return cell

    def _sweep_cell(self, config: DictConfig) -> Cell:
        cell = self._checked(config)
        tuning = cell.settings.tuning_seeds or []
        if tuning and not ({*tuning} < {*cell.settings.seed_list} and "lr" in cell.options["optimizer"]):
            raise InputError(f"tuning_seeds={tuning}: expected some but not all of the seeds, and an optimizer.lr")
        return cell

    def _check_key(self, override: Override) -> None:
        """Raise InputError if a key, a group or a choice does not exist."""
        key = override.key_or_group.split(".")[0]
        if key == "hydra" and override.key_or_group == "hydra.mode":
            raise InputError("hydra.mode: not supported; -m makes a sweep")
        if key not in self.checker.keys and not override.is_hydra_override():
            raise InputError(f"unknown key {key}{nearest(key, self.checker.keys)}")
        group = override.key_or_group
        if (group in self.checker.groups or group.startswith("hydra/")) and not override.is_delete():
            options = self.loader.get_group_options(group, ObjectType.CONFIG)
            many = override.is_sweep_override() and override.is_discrete_sweep()
            for value in override.sweep_string_iterator() if many else [override.get_value_element_as_str()]:
                if value not in options:
                    raise InputError(f"{group}={value}: no such {group}{nearest(value, options)}")

    def _check_options(self, options: list[Override], overrides: list[str]) -> None:
        """Raise InputError for the first of `options` that its group does not have."""
        config = self._load([o for o in overrides if o not in {x.input_line for x in options}])
        for option in options:
            group, _, key = option.key_or_group.partition(".")
            keys = [*(config.get(group) or {})] if group not in SETTINGS else []
            if key.split(".")[0] not in keys:
                raise InputError(f"unknown key {group}.{key}{nearest(key, keys)}")


def _refuse_duplicates(jobs: Sequence[Job]) -> None:
    """Raise InputError if two different configurations are the same cell, of which only one would be trained."""
    first_with_key: dict[CellKey, Job] = {}
    for job, cell in jobs:
        other_job, other = first_with_key.setdefault(cell.key, (job, cell))
        if other.config != cell.config:
            one, two = (" ".join(o for o in a if o not in b) for a, b in ((other_job, job), (job, other_job)))
            raise InputError(f"{two}: makes the same cell as {one}; choose one of them")


def quoted(value: object) -> str:
    """Return a value in Hydra's override grammar."""
    if isinstance(value, list | tuple | range):
        return f"[{','.join(map(quoted, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    if not isinstance(value, str | Path) or re.fullmatch(r"[\w./+:-]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
