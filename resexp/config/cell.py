"""A cell: one checked configuration, with its identity and its run directory."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resexp.config.fingerprint import cell_id
from resexp.config.names import arm_of, directory_name
from resexp.config.settings import Settings


@dataclass(frozen=True)
class Cell:
    """One checked configuration.

    Attributes:
        settings: the top-level options.
        choices: the chosen option of each group.
        options: the resolved options of each group.
        changed: a word for each key, beyond those that the path names anyway, that is not at its default.
        overrides: what `resexp train` takes to make this cell.
        block_work: how many times the work of an MLP's block a block of its model is, roughly.

    """

    settings: Settings
    choices: Mapping[str, str]
    options: Mapping[str, Mapping[str, Any]]
    changed: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    block_work: float = 1.0

    @property
    def arm(self) -> str:
        """As arm_of."""
        return arm_of(self.choices)

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, as stored: settings, then groups."""
        return {
            **dataclasses.asdict(self.settings),
            **{group: dict(options) for group, options in self.options.items()},
        }

    @cached_property
    def id(self) -> str:
        """Sha256 of what the numbers depend on. Raises InputError where a data path cannot be read."""
        return cell_id(self.settings, self.options)

    @property
    def measured(self) -> frozenset[str]:
        """The quantities that its diagnostics measure, and the pattern of the blocks if there is one."""
        options = self.options.get("diagnostics", {})
        names = {name.rpartition(".")[2] for key in ("quantities", "expensive") for name in options.get(key, ())}
        return frozenset(names | ({f"blocks={options['blocks']}"} if options.get("blocks") else set()))

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What tells the cells of a sweep apart."""
        return str(self.path), self.settings.seed_list

    @property
    def work(self) -> float:
        """Roughly how much there is to compute, in a unit of its own."""
        d = self.settings
        return self.block_work * len(d.seed_list) * d.steps * d.batch_size * d.depth * d.width * (d.width + 64)

    @property
    def name(self) -> str:
        """The run directory below outputs/, in words."""
        return directory_name(self.choices, self.settings.depth, self.changed, self.id)

    @property
    def path(self) -> Path:
        """The run directory, absolute."""
        return Path(self.settings.outputs).absolute() / self.name
