"""Shares of replicates with Wilson's confidence interval, and the depths between which a share falls below one half."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtri


@dataclass(frozen=True)
class Share:
    """A share of replicates: `count` successes among `total`."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share, in [0, 1]; nan if `total` is 0."""
        return self.count / self.total if self.total else math.nan

    def interval(self, coverage: float = 0.95) -> tuple[float, float]:
        """Return Wilson's score interval (Wilson 1927), which stays within [0, 1] and never has width 0.

        Args:
            coverage: nominal coverage, in (0, 1).

        Returns:
            The lower and the upper end; (0, 1) if `total` is 0.

        """
        if not self.total:
            return 0.0, 1.0
        z2 = float(ndtri(0.5 + coverage / 2)) ** 2
        center = self.count + z2 / 2
        half_width = math.sqrt(z2 * (self.count * (self.total - self.count) / self.total + z2 / 4))
        low, high = (center - half_width) / (self.total + z2), (center + half_width) / (self.total + z2)
        return (0.0 if self.count == 0 else low), (1.0 if self.count == self.total else high)

    def __add__(self, other: "Share") -> "Share":
        return Share(self.count + other.count, self.total + other.total)


def intervals_overlap(a: Share, b: Share) -> bool:
    """Return whether the 95 % intervals of two shares have a point in common."""
    (low_a, high_a), (low_b, high_b) = a.interval(), b.interval()
    return low_a <= high_b and low_b <= high_a


@dataclass(frozen=True)
class DepthBracket:
    """The depths between which the share of successes falls below one half.

    Attributes:
        low: the deepest depth before `high` at which at least half succeed; None if there is none.
        high: the shallowest depth beyond `low` at which fewer than half succeed; None if there is none.
        monotone: False if at least half succeed at some depth beyond one at which fewer do.

    """

    low: int | None
    high: int | None
    monotone: bool = True


def depth_bracket(shares: Mapping[int, Share], crossing: Literal["first", "last"] = "last") -> DepthBracket:
    """Return the depths between which the share of successes falls below one half.

    Args:
        shares: share of successes at each depth; depths without replicates are ignored.
        crossing: which fall to report if the shares are not monotone in depth: the first from the shallow end, or the
            last, after the deepest depth at which at least half succeed.

    """
    succeeds = {depth: share.value >= 0.5 for depth, share in sorted(shares.items()) if share.total}
    deepest = max((depth for depth, most in succeeds.items() if most), default=0)
    monotone = all(most for depth, most in succeeds.items() if depth < deepest)
    after = deepest if crossing == "last" else 0
    high = min((depth for depth, most in succeeds.items() if not most and depth > after), default=None)
    low = max((depth for depth, most in succeeds.items() if most and depth < (high or math.inf)), default=None)
    return DepthBracket(low, high, monotone)
