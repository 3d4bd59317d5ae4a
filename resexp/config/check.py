"""Checks of composed configurations, which make them cells."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from resexp.config.cell import Cell
from resexp.config.errors import InputError, message_lines, nearest
from resexp.config.fingerprint import GROUPS_OUTSIDE_ID
from resexp.config.hydra_private import ConfigDefault, GroupDefault
from resexp.config.loader import Loader
from resexp.config.settings import SETTINGS, Settings
from resexp.config.values import check_value, value_type_of

NEEDS_KEY = "needs"
"""Key of an option's YAML with the choices that it requires in other groups: {group: [choice, …]}."""

WORK_KEY = "work"
"""Key of a model's YAML with the approximate cost of a block, in units of an MLP's block of the same width."""

GROUPS_IN_PATH = ("dataset", "model", "norm", "residual")
"""Groups whose choice is in the path of the run directory, so that `Cell.changed` need not name it."""


class Checker:
    """Checks composed configurations against the shipped and the user's YAML.

    Attributes:
        default_choices: the default choice of each group in which every cell makes one.
        groups: these groups, and those that only set other keys, such as `sweep` and `experiment`.
        keys: the valid top-level keys: groups and settings.

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

    def yaml_content(self, group: str, choice: str) -> dict[str, Any]:
        """Return the content of a choice's YAML, merged over that of the files in its defaults list."""
        content: dict[str, Any] = {}
        for base in self._defaults_list(f"{group}/{choice}"):
            if isinstance(base, ConfigDefault) and base.path != "_self_":
                content |= self.yaml_content(group, str(base.path))
        loaded = self.loader.repository.load_config(f"{group}/{choice}")
        return content | plain_mapping(loaded.config if loaded else {})

    def cell(self, composed: DictConfig, hydra: Any) -> Cell:
        """Return the checked cell of a composed configuration.

        Args:
            composed: the configuration, with or without its node `hydra`.
            hydra: that node; it holds the choices and the overrides.

        Raises:
            InputError: a key or a value is not valid, or two choices exclude each other.

        """
        with hydra_errors_as_input_errors():
            config = plain_mapping(composed)
        config.pop("hydra", None)
        choices = self._choices(config, hydra.runtime.choices)
        for key in config:
            if key not in self.keys:
                raise InputError(f"unknown key {key}{nearest(key, self.keys)}")
        for name, spec in SETTINGS.items():
            check_value(name, config.get(name, "missing"), spec.metadata["type"])
        overridden = {override.lstrip("+").partition("=")[0] for override in hydra.overrides.task}
        options = {group: self._options(group, choices[group], config, overridden) for group in choices}
        if not config["force"]:
            self._check_needs(choices)
        for group, values in options.items():
            self._check_options(group, choices[group], values)
        return Cell(
            settings=Settings(**{name: config[name] for name in SETTINGS}),
            choices=choices,
            options=options,
            changed=tuple(self._changed(config, choices, options)),
            overrides=tuple(hydra.overrides.task),
            block_work=float(config["model"].get(WORK_KEY, 1.0)),
        )

    def _choices(self, config: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, str]:
        """Return the choice of each group in the order of the defaults list, then of other groups."""
        order = [*self.default_choices, *(g for g in chosen if g not in self.default_choices)]
        choices = {g: str(chosen[g]) for g in order if g in self.groups and chosen.get(g) is not None and g in config}
        for group in self.default_choices:
            if group not in choices:
                raise InputError(f"{group}: needs a choice{nearest('', self.loader.get_group_options(group))}")
        return choices

    def _options(self, group: str, choice: str, config: Mapping[str, Any], overridden: set[str]) -> dict[str, Any]:
        """Return a group's options. If `_target_` was replaced, the defaults of the original class are dropped."""
        options, defaults = _without_metadata(plain_mapping(config[group])), self.yaml_content(group, choice)
        if options.get("_target_") == defaults.get("_target_"):
            return options
        return {
            key: value
            for key, value in options.items()
            if key not in defaults or value != defaults[key] or f"{group}.{key}" in overridden
        }

    def _check_needs(self, choices: Mapping[str, str]) -> None:
        """Raise InputError if a choice requires another one in some group."""
        for group, choice in choices.items():
            for other, allowed in self.yaml_content(group, choice).get(NEEDS_KEY, {}).items():
                if choices.get(other) not in allowed:
                    required = " or ".join(f"{other}={option}" for option in allowed)
                    raise InputError(
                        f"{group}={choice} needs {required}, not {choices.get(other)};"
                        " force=true trains it anyway, hydra.sweeper.exclude leaves it out of a sweep"
                    )

    def _check_options(self, group: str, choice: str, options: Mapping[str, Any]) -> None:
        """Raise InputError unless the options are those of the choice's YAML and have their types."""
        defaults = _without_metadata(self.yaml_content(group, choice))
        if group in self.default_choices and "_target_" not in defaults:
            raise InputError(f"{group}={choice}: its YAML has no _target_")
        is_other_class = options.get("_target_") != defaults.get("_target_")  # its signature is checked by `build`
        if not is_other_class:
            for key in defaults.keys() - options.keys():
                raise InputError(f"{group}.{key}: needs a value")
        for key, value in options.items():
            if key not in defaults and not is_other_class:
                raise InputError(f"unknown key {group}.{key}{nearest(key, defaults)}")
            check_value(f"{group}.{key}", value, value_type_of(key, defaults.get(key, value)))

    def _changed(
        self, config: Mapping[str, Any], choices: Mapping[str, str], options: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[str]:
        """Yield a word for each value that is not the default and not in the path of the run directory."""
        for name, spec in SETTINGS.items():
            if spec.metadata["identity"] and name != "depth" and config[name] != spec.default:
                yield f"{name}{config[name]}"
        for group, values in options.items():
            if group in GROUPS_OUTSIDE_ID:
                continue
            if group not in GROUPS_IN_PATH and choices[group] != self.default_choices.get(group):
                yield choices[group]
            defaults = self.yaml_content(group, choices[group])
            for key, value in values.items():
                if key != "path" and value != defaults.get(key):  # the id hashes the content of a path
                    yield f"{key}{value}"


def _without_metadata(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in (NEEDS_KEY, WORK_KEY)}


def plain_mapping(config: object) -> dict[str, Any]:
    """Return a mapping of OmegaConf as a dictionary. Raises InputError if it is not a mapping."""
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
        detail = message_lines(error)[0]
        reason = "" if detail.startswith("Error parsing override") else f" ({detail})"
        raise InputError(f"{error.override}: not of the form KEY=VALUE{reason}") from error
    except (HydraException, OmegaConfBaseException, UnicodeDecodeError, YAMLError) as error:
        cause = error.__cause__ or error
        lines = [line for line in message_lines(cause) if not line.endswith(":")]  # such a line introduces a list
        raise InputError("; ".join(lines[:2]) or type(cause).__name__) from error
