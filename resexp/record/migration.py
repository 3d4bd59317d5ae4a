"""Readers of earlier schemas: the names in a stored configuration are translated on reading, never in the file.

Results, run files, manifests and checkpoints store the `schema` under which they were written. Schema 2 did not.
"""

from collections.abc import Callable, Mapping
from typing import Any

from resexp.config.fingerprint import SCHEMA

FIRST = 2
"""The schema of a file that stores none."""

CLASSES_2 = {
    "resexp.engine.optim.": "resexp.engine.optimizers.",
    "resexp.nn.block.Placement": "resexp.nn.placement.Placement",
    "resexp.nn.inits.": "resexp.nn.initializers.",
    "resexp.nn.residuals.off.Plain": "resexp.nn.residuals.off.NoSkip",
    "resexp.nn.residuals.on.Identity": "resexp.nn.residuals.on.IdentitySkip",
}
"""Prefixes of `_target_` in schema 2, and what they are in schema 3. A prefix without a final dot is a whole name."""

KEYS_2 = {"diagnostics.dear": "diagnostics.expensive"}
"""Keys of schema 2 that filters may still use."""


def schema_of(content: Mapping[str, Any]) -> int:
    """Return the schema under which a file was written. Raises ValueError if its `schema` is no whole number."""
    schema = content.get("schema", FIRST)
    if not isinstance(schema, int):
        raise ValueError(f"schema {schema!r} is no whole number")
    return schema


def is_newer(content: Mapping[str, Any]) -> bool:
    """Whether a file was written under a later schema than this version of resexp can read."""
    try:
        return schema_of(content) > SCHEMA
    except ValueError:
        return False


def migrate(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored result or run file with its configuration in today's names; `schema` stays that of the file."""
    schema, config = schema_of(content), content["config"]
    for earlier in range(schema, SCHEMA):
        config = READERS[earlier](config)
    return {**content, "schema": schema, "config": config}


def current_key(key: str) -> str:
    """Return today's name of a key that a filter uses."""
    return KEYS_2.get(key, key)


def current_class(target: str) -> str:
    """Return today's name of a class that resexp shipped under another name; any other name as it is."""
    for before, after in CLASSES_2.items():
        if target == before or (before.endswith(".") and target.startswith(before)):
            return after + target[len(before) :]
    return target


def _from_2(config: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a configuration of schema 2 to schema 3."""
    translated = {key: _rename_classes(value) for key, value in config.items()}
    diagnostics = translated.get("diagnostics")
    if isinstance(diagnostics, dict):
        translated["diagnostics"] = {"expensive" if k == "dear" else k: v for k, v in diagnostics.items()}
    return translated


def _rename_classes(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _rename_classes(v, k) for k, v in value.items()}
    return current_class(value) if key == "_target_" and isinstance(value, str) else value


READERS: Mapping[int, Callable[[Mapping[str, Any]], dict[str, Any]]] = {2: _from_2}
"""For each earlier schema, the translation of a configuration to the next one."""
