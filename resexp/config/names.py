"""The names of arms and run directories."""

import re
from collections.abc import Iterable, Mapping

ID_DIGITS = 12
"""Number of hexadecimal digits of a cell's id at the end of its directory name."""


def arm_of(choices: Mapping[str, str]) -> str:
    """Return the arm, placement and residual scheme: `pre+residual`, `pre+plain`, `pre+<scheme>`."""
    scheme = {"on": "residual", "off": "plain"}.get(choices["residual"], choices["residual"])
    return f"{choices['norm']}+{scheme}"


def directory_name(choices: Mapping[str, str], depth: int, changed: Iterable[str], id_: str) -> str:
    """Return the path of a run directory below outputs/: `digits-mlp/pre+residual/depth0048-0123456789ab`."""
    words = "-".join([f"depth{depth:04d}", *changed])
    safe = re.sub(r"[^A-Za-z0-9.+_-]+", "_", words)[:96]
    return f"{choices['dataset']}-{choices['model']}/{arm_of(choices)}/{safe}-{id_[:ID_DIGITS]}"
