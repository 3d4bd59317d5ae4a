"""The grid of a sweep: every combination of values, but for those that a condition leaves out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from resexp.config.check import Checker, hydra_errors_as_input_errors
from resexp.config.errors import InputError, nearest

Condition = Mapping[str, Any]
WORDS = {"True": ("on", "true"), "False": ("off", "false"), "None": ("null",)}
"""What YAML makes of a word, and the words it may have been."""


class GridSweeper(Sweeper):
    """`params` as Hydra's basic sweeper takes them, or with lists; `exclude` and `only` are lists of conditions.

    A condition is a mapping from keys to a value or a list of values, and holds for a cell that has one of them at
    each. A cell is left out where a condition of `exclude` holds, or none of `only`.
    """

    __module__ = "hydra_plugins.resexp"  # Hydra takes plugins from nowhere else

    def __init__(
        self, params: Mapping[str, Any], exclude: Sequence[Condition] = (), only: Sequence[Condition] = ()
    ) -> None:
        self.params, self.exclude, self.only = params, exclude, only

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Sweeper."""
        self.jobs: Sequence[Sequence[str]] = [job for job, _ in getattr(task_function, "jobs", ())]
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Launch the jobs that the task was checked for."""
        return [self.launcher.launch(self.jobs, initial_job_idx=0)]


def is_grid(config: DictConfig) -> bool:
    """Whether a configuration's sweeper is GridSweeper."""
    return str(config.hydra.sweeper.get("_target_")).rpartition(".")[2] == GridSweeper.__name__


def jobs(checker: Checker, config: DictConfig, overrides: list[str]) -> list[list[str]]:
    """The overrides of every combination of a sweep: `config` is what `overrides` compose to. Raises InputError."""
    parser = OverridesParser.create(config_loader=checker.loader)
    with hydra_errors_as_input_errors():
        given = parser.parse_overrides(overrides)
    params = [_param(key, value, checker) for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    tasks = [o for o in given if not o.is_hydra_override()]
    with hydra_errors_as_input_errors():
        (combinations,) = BasicSweeper.split_arguments([*parser.parse_overrides(params), *tasks], None)
    hydra = [str(o.input_line) for o in given if o.is_hydra_override()]
    return [[*hydra, *job] for job in combinations]


def condition(checker: Checker, config: DictConfig) -> Callable[[DictConfig], bool]:
    """Whether a combination, composed, is a cell of the sweep that `config` describes. Raises InputError."""
    exclude, only = (_conditions(name, config.hydra.sweeper.get(name), checker) for name in ("exclude", "only"))

    def is_kept(job: DictConfig) -> bool:
        return not any(_holds(c, job) for c in exclude) and (not only or any(_holds(c, job) for c in only))

    return is_kept


def _param(key: str, value: Any, checker: Checker) -> str:
    """A swept key as an override; a list of plain values is short for a comma-separated text."""
    options = checker.loader.get_group_options(key) if key in checker.groups else []

    def word(v: Any) -> str:
        return next((w for w in WORDS.get(str(v), ()) if w in options), WORDS.get(str(v), (str(v),))[-1])

    if OmegaConf.is_list(value):
        return f"{key}={','.join(map(word, value))}"
    return f"{key}={word(value)}"


def _conditions(name: str, given: Any, checker: Checker) -> list[dict[str, Any]]:
    conditions = OmegaConf.to_container(given) if OmegaConf.is_config(given) else given or []
    if not isinstance(conditions, list) or not all(isinstance(c, dict) and c for c in conditions):
        raise InputError(f"hydra.sweeper.{name}: expected a list of mappings, as in [{{norm: post, residual: [on]}}]")
    for key in (str(key) for condition in conditions for key in condition):
        group, _, option = key.partition(".")
        if group not in checker.keys:
            raise InputError(f"hydra.sweeper.{name}: unknown key {key}{nearest(key, checker.keys)}")
        known = {k for choice in checker.loader.get_group_options(group) for k in checker.yaml_content(group, choice)}
        if option and option not in known:
            raise InputError(f"hydra.sweeper.{name}: unknown key {key}{nearest(option, known)}")
    return [c for c in conditions if isinstance(c, dict)]


def _holds(condition: Mapping[str, Any], config: DictConfig) -> bool:
    choices = config.hydra.runtime.choices

    def is_among(key: str, wanted: Any) -> bool:
        have = str(choices[key] if key in choices else OmegaConf.select(config, key))
        values = wanted if isinstance(wanted, list) else [wanted]
        return any(have == str(v) or have in WORDS.get(str(v), ()) for v in values)

    return all(is_among(key, wanted) for key, wanted in condition.items())
