"""Shares of replicates, with Wilson's interval (1927), and between which depths a share passes a half."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import ndtri


@dataclass(frozen=True)
class Share:
    """`count` of `total` replicates."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share; nan of none."""
        return self.count / self.total if self.total else math.nan

    def interval(self, coverage: float = 0.95) -> tuple[float, float]:
        """Wilson's interval, which stays within [0, 1] and says something even where all or none succeed."""
        if not self.total:
            return 0.0, 1.0
        z2 = float(ndtri(0.5 + coverage / 2)) ** 2
        middle = self.count + z2 / 2
        reach = math.sqrt(z2 * (self.count * (self.total - self.count) / self.total + z2 / 4))
        low, high = (middle - reach) / (self.total + z2), (middle + reach) / (self.total + z2)
        return (0.0 if self.count == 0 else low), (1.0 if self.count == self.total else high)

    def __add__(self, other: "Share") -> "Share":
        return Share(self.count + other.count, self.total + other.total)


@dataclass(frozen=True)
class Half:
    """Where the share passes a half.

    Attributes:
        low: the deepest of the depths tried at which at least half succeed; None where there is none.
        high: the shallowest one, beyond `low`, at which fewer do; None where there is none.
        monotone: whether at every depth shallower than `low` at least half succeed.

    """

    low: int | None
    high: int | None
    monotone: bool = True


def half(shares: Mapping[int, Share]) -> Half:
    """Between which depths tried the share passes a half. Of nothing tried, nothing is known."""
    tried = {depth: share.value >= 0.5 for depth, share in sorted(shares.items()) if share.total}
    low = max((depth for depth, most in tried.items() if most), default=None)
    high = min((depth for depth, most in tried.items() if not most and depth > (low or 0)), default=None)
    return Half(low, high, all(most for depth, most in tried.items() if depth < (low or 0)))
