"""The manifest of a sweep: its command and its cells, as `sweep.json` in a directory of its own."""

import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resexp.config.cell import Cell
from resexp.config.compose import Composer
from resexp.config.errors import InputError
from resexp.config.fingerprint import SCHEMA
from resexp.record.files import check_writable, read_json, write_json
from resexp.record.index import SWEEP
from resexp.record.migration import schema_of


class SweepManifest:
    """The manifest of one sweep, with its command, its tuning seeds, and the paths and ids of its cells.

    Attributes:
        directory: the directory of the sweep, absolute.
        outputs: the outputs directory of its cells.

    """

    def __init__(self, composer: Composer, overrides: list[str]) -> None:
        config = composer.sweep_config(overrides)
        self.directory = Path(str(config.hydra.sweep.dir)).absolute()
        self.outputs = str(config.outputs)
        self._header: dict[str, Any] = {
            "schema": SCHEMA,
            "command": sys.argv,
            "overrides": overrides,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "outputs": os.path.relpath(self.outputs, self.directory),
        }
        self._ids: dict[str, str] = {}  # by path, relative to `directory`
        self._tuning_seeds: set[int] = set()

    def write(self, cells: Iterable[Cell]) -> None:
        """Add `cells` to the manifest and write it.

        Raises:
            InputError: an outputs directory is not writable, or `directory` holds a sweep of another schema.

        """
        cells = [*cells]
        earlier = read_json(self.directory / SWEEP)
        if earlier is not None and schema_of(earlier) != SCHEMA:
            raise InputError(
                f"hydra.sweep.dir={self.directory}: holds a sweep of schema {schema_of(earlier)}, expected {SCHEMA};"
                " choose another directory"
            )
        if not self.directory.exists():
            for outputs in {self.outputs, *(cell.settings.outputs for cell in cells)}:
                check_writable(Path(outputs))
        self.directory.mkdir(parents=True, exist_ok=True)
        self._tuning_seeds |= {seed for cell in cells for seed in cell.settings.tuning_seeds or ()}
        self._ids |= {os.path.relpath(cell.path, self.directory): cell.id for cell in cells}
        listed = [{"id": id_, "path": path} for path, id_ in self._ids.items()]
        content = {**self._header, "tuning_seeds": sorted(self._tuning_seeds), "cells": listed}
        write_json(self.directory / SWEEP, content)
