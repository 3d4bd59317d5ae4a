"""A cell: a checked configuration with its id and run directory."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resexp.config.fingerprint import cell_id
from resexp.config.names import arm_of, directory_name
from resexp.config.settings import Settings

CellKey = tuple[str, tuple[int, ...]]
"""`Cell.key`."""


@dataclass(frozen=True)
class Cell:
    """A checked configuration.

    Attributes:
        settings: the settings.
        choices: the choice made in each group.
        options: the resolved options of each group's choice.
        changed: a word for each value that is not the default and not already in the path of the run directory.
        overrides: the overrides with which `resexp train` trains this cell.
        block_work: approximate cost of a block, in units of an MLP's block of the same width.

    """

    settings: Settings
    choices: Mapping[str, str]
    options: Mapping[str, Mapping[str, Any]]
    changed: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    block_work: float = 1.0

    @property
    def arm(self) -> str:
        """Placement and residual scheme, such as `pre+residual`."""
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
        """Sha256 of everything that the numbers depend on. Raises InputError if a data path cannot be read."""
        return cell_id(self.settings, self.options)

    @property
    def measured(self) -> frozenset[str]:
        """The quantities that the diagnostics measure, and `blocks=PATTERN` if a pattern names the blocks."""
        options = self.options.get("diagnostics", {})
        names = {name.rpartition(".")[2] for key in ("quantities", "expensive") for name in options.get(key, ())}
        return frozenset(names | ({f"blocks={options['blocks']}"} if options.get("blocks") else set()))

    @property
    def key(self) -> CellKey:
        """Run directory and seeds, which identify a cell in a sweep."""
        return str(self.path), self.settings.seed_list

    @property
    def work(self) -> float:
        """Approximate cost of training, in arbitrary units."""
        s = self.settings
        return self.block_work * len(s.seed_list) * s.steps * s.batch_size * s.depth * s.width * (s.width + 64)

    @property
    def name(self) -> str:
        """Path of the run directory below the outputs directory."""
        return directory_name(self.choices, self.settings.depth, self.changed, self.id)

    @property
    def path(self) -> Path:
        """Absolute path of the run directory."""
        return Path(self.settings.outputs).absolute() / self.name
