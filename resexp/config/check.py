"""From a composed configuration to a checked cell."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.default_element import ConfigDefault, GroupDefault
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from resexp.config.cell import Cell
from resexp.config.errors import InputError, message_lines, nearest
from resexp.config.fingerprint import GROUPS_OUTSIDE_ID
from resexp.config.loader import Loader
from resexp.config.settings import SETTINGS, Settings
from resexp.config.values import check_value, value_type_of

NEEDS_KEY, WORK_KEY = "needs", "work"
"""Keys of an option's YAML that tell of it and are no options: which options of other groups it goes with, {group:
[option, …]}, and, of a model, how many times the work of an MLP a block is, on samples of 64 places or symbols."""

GROUPS_IN_PATH = ("dataset", "model", "norm", "residual")
"""Groups whose choice the path of a run directory names anyway."""


class Checker:
    """Knows what is shipped and what the user added, and so what may be set.

    Attributes:
        default_choices: the option of each group that every cell chooses from.
        groups: these, and those that only bring values for other keys, as `sweep`.
        keys: all that may stand at the top level.

    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.default_choices = {
            str(d.group): str(d.value)
            for d in self._defaults_list("config")
            if isinstance(d, GroupDefault) and not d.override
        }
        self.groups = [g for g in loader.list_groups("") if g != "hydra"]
        self.keys = {*self.groups, *SETTINGS}

    def _defaults_list(self, path: str) -> list[Any]:
        loaded = self.loader.repository.load_config(path)
        return list(loaded.defaults_list or []) if loaded else []

    def shipped(self, group: str, choice: str) -> dict[str, Any]:
        """The options of a choice as its YAML, and those that it builds on, give them."""
        shipped: dict[str, Any] = {}
        for base in self._defaults_list(f"{group}/{choice}"):
            if isinstance(base, ConfigDefault) and base.path != "_self_":
                shipped |= self.shipped(group, str(base.path))
        loaded = self.loader.repository.load_config(f"{group}/{choice}")
        return shipped | plain_mapping(loaded.config if loaded else {})

    def cell(self, composed: DictConfig, hydra: Any) -> Cell:
        """A Cell from what Hydra composed. Raises InputError with the key, the value and what is allowed."""
        chosen = hydra.runtime.choices
        order = [*self.default_choices, *(g for g in chosen if g not in self.default_choices)]
        with hydra_errors_as_input_errors():
            config = plain_mapping(composed)
        config.pop("hydra", None)
        choices = {g: str(chosen[g]) for g in order if g in self.groups and chosen.get(g) is not None and g in config}
        for group in self.default_choices:
            if group not in choices or group not in config:
                raise InputError(f"{group}: needs a choice{nearest('', self.loader.get_group_options(group))}")
        for key in config:
            if key not in self.keys:
                raise InputError(f"unknown key {key}{nearest(key, self.keys)}")
        for name, spec in SETTINGS.items():
            check_value(name, config.get(name, "missing"), spec.metadata["type"])
        given = {override.lstrip("+").partition("=")[0] for override in hydra.overrides.task}
        options = {group: self._own_options(group, choices[group], config, given) for group in choices}
        if not config["force"]:
            self._check_needs(choices)
        changed = [*self._changed(config, choices, options)]
        settings = Settings(**{name: config[name] for name in SETTINGS})
        work = float(config["model"].get(WORK_KEY, 1.0))
        return Cell(settings, choices, options, tuple(changed), tuple(hydra.overrides.task), work)

    def _own_options(self, group: str, choice: str, config: Mapping[str, Any], given: set[str]) -> dict[str, Any]:
        """The options of a choice. Those that it ships belong to its class, and go with it where another is given."""
        options, shipped = _options(plain_mapping(config[group])), self.shipped(group, choice)
        if options.get("_target_") == shipped.get("_target_"):
            return options
        return {k: v for k, v in options.items() if k not in shipped or v != shipped[k] or f"{group}.{k}" in given}

    def _check_needs(self, choices: Mapping[str, str]) -> None:
        """Raise InputError where a choice needs another one of some group than is made."""
        for group, choice in choices.items():
            for other, allowed in self.shipped(group, choice).get(NEEDS_KEY, {}).items():
                if choices.get(other) not in allowed:
                    wanted = " or ".join(f"{other}={option}" for option in allowed)
                    raise InputError(
                        f"{group}={choice} needs {wanted}, not {choices.get(other)};"
                        " force=true tries it all the same, exclude: leaves it out of a sweep"
                    )

    def _changed(self, config: dict[str, Any], choices: dict[str, str], options: dict[str, Any]) -> Iterator[str]:
        """A word for each difference from the defaults that the path does not tell; checks the options on the way."""
        for name, spec in SETTINGS.items():
            if spec.metadata["identity"] and name != "depth" and config[name] != spec.default:
                yield f"{name}{config[name]}"
        for group, values in options.items():
            if group not in (*GROUPS_IN_PATH, *GROUPS_OUTSIDE_ID) and choices[group] != self.default_choices.get(group):
                yield choices[group]
            shipped = _options(self.shipped(group, choices[group]))
            if group in self.default_choices and "_target_" not in shipped:
                raise InputError(f"{group}={choices[group]}: its YAML has no _target_")
            is_foreign = values.get("_target_") != shipped.get("_target_")  # then its signature says what it takes
            for key in shipped.keys() - values.keys() if not is_foreign else ():
                raise InputError(f"{group}.{key}: needs a value")
            for key, value in values.items():
                if key not in shipped and not is_foreign:
                    raise InputError(f"unknown key {group}.{key}{nearest(key, shipped)}")
                check_value(f"{group}.{key}", value, value_type_of(key, shipped.get(key, value)))
                if (
                    value != shipped.get(key) and key != "path" and group not in GROUPS_OUTSIDE_ID
                ):  # data count by their content
                    yield f"{key}{value}"


def _options(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in (NEEDS_KEY, WORK_KEY)}


def plain_mapping(config: object) -> dict[str, Any]:
    """A composed mapping as plain Python. Raises InputError where it is none."""
    plain = OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config
    if not isinstance(plain, dict):
        raise InputError(f"an option's YAML holds keys and values, not {plain}")
    return {str(key): value for key, value in plain.items()}


@contextlib.contextmanager
def hydra_errors_as_input_errors() -> Iterator[None]:
    """Turn the errors of Hydra, OmegaConf and the YAML parser into an InputError of one line."""
    try:
        yield
    except OverrideParseException as error:
        raise InputError(f"{error.override}: not of the form KEY=VALUE ({message_lines(error)[0]})") from error
    except (HydraException, OmegaConfBaseException, UnicodeDecodeError, YAMLError) as error:
        cause = error.__cause__ or error
        lines = [line for line in message_lines(cause) if not line.endswith(":")]  # such a line introduces a list
        raise InputError("; ".join(lines[:2]) or type(cause).__name__) from error
