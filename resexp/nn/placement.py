"""Norm placements: at which points a block normalizes. Imports no torch, so that the theory reads the same table."""

from dataclasses import dataclass
from functools import cache

import yaml

from resexp.config.settings import conf_dir


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """At which of its three points post(combine(x, inner_post(body(pre(x))))) normalizes.

    Attributes:
        pre: before the branch.
        inner_post: after the branch, before the combination with the skip.
        post: after the combination.

    """

    pre: bool
    inner_post: bool
    post: bool

    @property
    def anywhere(self) -> bool:
        """True if the block normalizes at any point."""
        return self.pre or self.inner_post or self.post

    @property
    def final(self) -> bool:
        """True if a norm before the head is needed: branches are normalized, but the stream is not."""
        return (self.pre or self.inner_post) and not self.post


@cache
def shipped_placements() -> dict[str, Placement]:
    """Return the placements of conf/norm/*.yaml by name; each file gives the flags and the reference."""
    placements = {}
    for file in sorted((conf_dir() / "norm").glob("*.yaml")):
        options = yaml.safe_load(file.read_text(encoding="utf-8"))
        placements[file.stem] = Placement(**{key: flag for key, flag in options.items() if key != "_target_"})
    return placements
