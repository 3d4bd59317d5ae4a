"""The names of arms and run directories."""

import re
from collections.abc import Iterable, Mapping

DIGITS = 12
"""Digits of the identity that end the name of a run directory."""


def arm_of(choices: Mapping[str, str]) -> str:
    """Placement and residual scheme: `pre+residual`, `pre+plain`, `pre+<scheme>`."""
    scheme = {"on": "residual", "off": "plain"}.get(choices["residual"], choices["residual"])
    return f"{choices['norm']}+{scheme}"


def directory_name(choices: Mapping[str, str], depth: int, changed: Iterable[str], id_: str) -> str:
    """A run directory's path below outputs/, for example `digits-mlp/pre+residual/depth0048-0123456789ab`."""
    words = "-".join([f"depth{depth:04d}", *changed])
    safe = re.sub(r"[^A-Za-z0-9.+_-]+", "_", words)[:96]
    return f"{choices['dataset']}-{choices['model']}/{arm_of(choices)}/{safe}-{id_[:DIGITS]}"
