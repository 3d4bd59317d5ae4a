"""The search for the trainable depth D50 of an arm, as a pure function of what is known: ask, tell, estimate.

Depths are doubled from the lowest until at most a third of `few` replicates train, the bracket is bisected in ln L to
a ratio of 1.25, its two ends get `many` replicates, twice the failing depth is tried as a guard, and the logistic fit
to all of it gives D50 and its interval. At each depth the tuning seeds choose among the learning rates and other seeds
test the choice: "trained at any rate" would be a kinder question.

    search = DepthSearch(rates=(3e-4, 1e-3, 3e-3))
    while trials := search.ask():
        for trial in trials:
            search.tell(trial.depth, trial.rate, train(trial))   # {seed: Ended(trained, loss)}
    search.estimate()
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from resexp.stats.logistic import Located, locate
from resexp.stats.scores import rank

WIDER = 1.3
"""The interval's width in ln L where rates are chosen: a choice that all replicates of a depth share makes them alike.

With it simulated searches are covered about as they should be (scripts/bench/simulations.py)."""


@dataclass(frozen=True)
class TrialOutcome:
    """What the search needs to know of a replicate; `loss` is ℓ_T in nats, None where it is not finite."""

    trained: bool
    loss: float | None = None


@dataclass(frozen=True)
class Trial:
    """Replicates that the search wants: seeds of one cell, and whether they choose the rate or test it."""

    depth: int
    rate: float
    seeds: tuple[int, ...]
    role: Literal["tuning", "test"]


@dataclass(frozen=True, kw_only=True)
class Depth50(Located):
    """What a search found.

    Attributes:
        monotone: False where most replicates train at twice the failing depth.
        rates: the learning rate chosen at each depth.
        at_edge: the depths at which it was the lowest or the highest of the rates.
        runs: replicates that were told and wanted.
        saved: replicates that testing every rate at every depth tried would have taken beyond these.

    """

    monotone: bool
    rates: Mapping[int, float]
    at_edge: tuple[int, ...]
    runs: int
    saved: int


class _UnknownError(Exception):
    """Something must be tried first: `trials`."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.trials = [*trials]


@dataclass
class DepthSearch:
    """One arm's search. It may be told more than it asked for: it asks only for what it does not know.

    Raises ValueError where the depths, the rates or the seeds leave nothing to search.
    """

    lowest: int = 4
    highest: int = 256
    rates: Sequence[float] = (1e-3,)
    tuning: Sequence[int] = (0, 1, 2)
    few: int = 3
    many: int = 8
    ratio: float = 1.25
    known: dict[tuple[int, float], dict[int, TrialOutcome]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (1 <= self.lowest < self.highest and self.rates and 1 <= self.few <= self.many and self.ratio > 1):
            raise ValueError("expected 1 ≤ lowest < highest, a learning rate, 1 ≤ few ≤ many and a ratio above 1")
        if len(self.rates) > 1 and not self.tuning:
            raise ValueError("several learning rates need tuning seeds")
        taken = {*self.tuning} if len(self.rates) > 1 else set()
        self.test = [seed for seed in range(self.many + len(taken) + max(taken, default=0)) if seed not in taken]

    def ask(self) -> list[Trial]:
        """What to train next, all of it at once if one likes; nothing where the search has ended."""
        try:
            self._walk()
        except _UnknownError as unknown:
            return unknown.trials
        return []

    def tell(self, depth: int, rate: float, ends: Mapping[int, TrialOutcome]) -> None:
        """What became of some replicates, by seed."""
        self.known.setdefault((depth, rate), {}).update(ends)

    def estimate(self) -> Depth50:
        """What is found. Raises ValueError where the search has not ended."""
        try:
            guard = self._walk()
        except _UnknownError:
            raise ValueError("the search has not ended") from None
        counts = self.counts
        rates = {depth: self._rate(depth) for depth in counts}
        edges = (min(self.rates), max(self.rates))
        runs = sum(n + len(self.rates) * len(self._tuned) for _, n in counts.values())
        full = len(self.rates) * sum(n + len(self._tuned) for _, n in counts.values())
        return Depth50(
            **asdict(locate(counts, WIDER if self._tuned else 1.0)),
            monotone=guard is None or 2 * counts[guard][0] <= counts[guard][1],
            rates=rates,
            at_edge=tuple(d for d, rate in rates.items() if len(self.rates) > 1 and rate in edges),
            runs=runs,
            saved=full - runs,
        )

    @property
    def counts(self) -> dict[int, tuple[int, int]]:
        """Trained test replicates, and all of them, by depth, where the choice of a rate has been tested."""
        tried = sorted({depth for depth, _ in self.known})
        return {depth: self._counts(depth) for depth in tried if self._wanted(depth, 1) == []}

    @property
    def most(self) -> int:
        """As many replicates as a search can take, or more."""
        doublings = math.ceil(math.log2(self.highest / self.lowest)) + 1
        bisections = math.ceil(math.log2(math.log(2) / math.log(self.ratio))) if self.ratio < 2 else 0
        depths = doublings + bisections + 2  # one for the guard, one for what rounding leaves
        return depths * (len(self.rates) * len(self._tuned) + self.few) + 3 * (self.many - self.few)

    def _walk(self) -> int | None:
        """Go through the search, raising _UnknownError where something is to be tried; the guard, if there is one."""
        low, high = self._double()
        while low is not None and high is not None and high / low > self.ratio:
            middle = round(math.sqrt(low * high))
            if middle in (low, high):
                break
            low, high = (middle, high) if self._trains(middle, self.few) else (low, middle)
        self._need([depth for depth in (low, high) if depth is not None], self.many)
        guard = min(2 * high, self.highest) if high is not None else None
        if guard is None or guard == high:
            return None
        if self._trains(guard, self.few):
            self._need([guard], self.many)
        return guard

    def _double(self) -> tuple[int | None, int | None]:
        low, depth = None, self.lowest
        while self._trains(depth, self.few):
            if depth == self.highest:
                return depth, None
            low, depth = depth, min(2 * depth, self.highest)
        return low, depth

    def _trains(self, depth: int, count: int) -> bool:
        """Whether more than a third of the first `count` test seeds train there."""
        self._need([depth], count)
        ends = self.known[depth, self._rate(depth)]
        return sum(ends[seed].trained for seed in self.test[:count]) > count / 3

    def _need(self, depths: Sequence[int], count: int) -> None:
        """Raise _UnknownError unless the first `count` test seeds are known at the rate that each depth chooses."""
        wanted = [trial for depth in depths for trial in self._wanted(depth, count)]
        if wanted:
            raise _UnknownError(wanted)

    def _wanted(self, depth: int, count: int) -> list[Trial]:
        untuned = [self._missing(depth, rate, self._tuned, "tuning") for rate in self.rates]
        if any(trial.seeds for trial in untuned):
            return [trial for trial in untuned if trial.seeds]
        trial = self._missing(depth, self._rate(depth), self.test[:count], "test")
        return [trial] if trial.seeds else []

    def _missing(self, depth: int, rate: float, seeds: Sequence[int], role: Literal["tuning", "test"]) -> Trial:
        have = self.known.get((depth, rate), {})
        return Trial(depth, rate, tuple(seed for seed in seeds if seed not in have), role)

    @property
    def _tuned(self) -> Sequence[int]:
        """The seeds that choose, where there is a choice."""
        return self.tuning if len(self.rates) > 1 else ()

    def _rate(self, depth: int) -> float:
        """The rate at which most tuning seeds train, then the one with the lowest median loss."""
        return min(self.rates, key=lambda rate: self._rank(depth, rate))

    def _rank(self, depth: int, rate: float) -> tuple[int, float]:
        ends = [self.known[depth, rate][seed] for seed in self._tuned]
        return rank([end.trained for end in ends], [end.loss for end in ends])

    def _counts(self, depth: int) -> tuple[int, int]:
        ends = self.known[depth, self._rate(depth)]
        tests = [ends[seed].trained for seed in self.test if seed in ends]
        return sum(tests), len(tests)
