"""The grid of a sweep: every combination of the swept values, filtered by the conditions `exclude` and `only`.

A condition is a mapping from keys to a value or a list of values. It matches a cell whose value of each key is listed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from resexp.config.check import Checker, hydra_errors_as_input_errors
from resexp.config.errors import InputError, nearest
from resexp.config.hydra_private import BasicSweeper, OverridesParser

GRID_SWEEPER = "hydra_plugins.hydra_resexp.grid_sweeper.GridSweeper"
"""The `_target_` of `hydra/sweeper=grid`."""

YAML_WORDS = {"True": ("on", "true"), "False": ("off", "false"), "None": ("null",)}
"""Words that YAML reads as booleans or null, by the string of that value."""


def is_grid(config: DictConfig) -> bool:
    """Return whether the sweeper of a configuration is GridSweeper."""
    return str(config.hydra.sweeper.get("_target_")) == GRID_SWEEPER


def grid_jobs(checker: Checker, config: DictConfig, overrides: list[str]) -> list[list[str]]:
    """Return the overrides of every combination of the swept values.

    Args:
        checker: knows the groups and their options.
        config: the configuration of the sweep, composed from `overrides`.
        overrides: the overrides of the sweep.

    Raises:
        InputError: an override or an entry of `hydra.sweeper.params` is malformed.

    """
    parser = OverridesParser.create(config_loader=checker.loader)
    with hydra_errors_as_input_errors():
        parsed = parser.parse_overrides(overrides)
    params = [_param_override(key, value, checker) for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    tasks = [o for o in parsed if not o.is_hydra_override()]
    with hydra_errors_as_input_errors():
        (combinations,) = BasicSweeper.split_arguments([*parser.parse_overrides(params), *tasks], None)
    hydra = [str(o.input_line) for o in parsed if o.is_hydra_override()]
    return [[*hydra, *job] for job in combinations]


def grid_filter(checker: Checker, config: DictConfig) -> Callable[[DictConfig], bool]:
    """Return a predicate: does a composed job belong to the grid that `config` describes?

    Raises:
        InputError: a condition in `config` is malformed.

    """
    exclude, only = (_conditions(name, config.hydra.sweeper.get(name), checker) for name in ("exclude", "only"))

    def belongs(job: DictConfig) -> bool:
        is_excluded = any(_matches(job, condition) for condition in exclude)
        return not is_excluded and (not only or any(_matches(job, condition) for condition in only))

    return belongs


def _param_override(key: str, value: Any, checker: Checker) -> str:
    """Return a swept key as an override; a list of plain values stands for a comma-separated string."""
    options = checker.loader.get_group_options(key) if key in checker.groups else []

    def word(v: Any) -> str:
        return next((w for w in YAML_WORDS.get(str(v), ()) if w in options), YAML_WORDS.get(str(v), (str(v),))[-1])

    if OmegaConf.is_list(value):
        return f"{key}={','.join(map(word, value))}"
    return f"{key}={word(value)}"


def _conditions(name: str, value: Any, checker: Checker) -> list[dict[str, Any]]:
    """Return the conditions of `exclude` or `only`. Raises InputError if one is malformed or has an unknown key."""
    conditions = OmegaConf.to_container(value) if OmegaConf.is_config(value) else value or []
    if not isinstance(conditions, list) or not all(isinstance(c, dict) and c for c in conditions):
        raise InputError(f"hydra.sweeper.{name}: expected a list of mappings, as in [{{norm: post, residual: [on]}}]")
    for key in (str(key) for condition in conditions for key in condition):
        group, _, option = key.partition(".")
        if group not in checker.keys:
            raise InputError(f"hydra.sweeper.{name}: unknown key {key}{nearest(key, checker.keys)}")
        with hydra_errors_as_input_errors():  # reads all files of the group, also those that no cell chooses
            choices = checker.loader.get_group_options(group)
            options = {k for choice in choices for k in checker.yaml_content(group, choice)}
        if option and option not in options:
            raise InputError(f"hydra.sweeper.{name}: unknown key {key}{nearest(option, options)}")
    return [c for c in conditions if isinstance(c, dict)]


def _matches(job: DictConfig, condition: Mapping[str, Any]) -> bool:
    choices = job.hydra.runtime.choices

    def is_listed(key: str, listed: Any) -> bool:
        value = str(choices[key] if key in choices else OmegaConf.select(job, key))
        candidates = listed if isinstance(listed, list) else [listed]
        return any(value == str(v) or value in YAML_WORDS.get(str(v), ()) for v in candidates)

    return all(is_listed(key, listed) for key, listed in condition.items())
