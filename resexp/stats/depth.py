"""The search for the trainable depth D50 of an arm, as an ask-and-tell optimizer without side effects.

Depths are doubled from the lowest until at most a third of `few` replicates train. The bracket is then bisected in ln L
to a ratio of 1.25, its two ends get `many` replicates, and twice the failing depth is tried as a check of monotonicity.
D50 and its interval are the logistic fit to all of it. At each depth the tuning seeds choose among the learning rates
and other seeds test the choice; counting a depth as trained at any rate would be biased toward larger depths.

    search = DepthSearch(rates=(3e-4, 1e-3, 3e-3))
    while trials := search.ask():
        for trial in trials:
            search.tell(trial.depth, trial.rate, train(trial))   # {seed: TrialOutcome(trained, loss)}
    search.estimate()
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from resexp.stats.logistic import DepthEstimate, estimate_depth
from resexp.stats.scores import selection_key
from resexp.stats.shares import Share

TUNED_WIDENING = 1.3
"""Factor on the interval's width in ln L if learning rates are chosen: replicates that share a choice are correlated.

With it the intervals of simulated searches have about their nominal coverage (scripts/bench/simulations.py)."""


@dataclass(frozen=True)
class TrialOutcome:
    """The outcome of one replicate: whether it trained, and its ℓ_T in nats, None if not finite."""

    trained: bool
    loss: float | None = None


@dataclass(frozen=True)
class Trial:
    """Replicates that the search asks for: seeds of one cell, which either tune the learning rate or test it."""

    depth: int
    rate: float
    seeds: tuple[int, ...]
    role: Literal["tuning", "test"]


@dataclass(frozen=True, kw_only=True)
class DepthSearchEstimate(DepthEstimate):
    """The result of a search.

    Attributes:
        monotone: False if most replicates train at twice the failing depth.
        rates: the learning rate chosen at each depth.
        at_edge: the depths at which the lowest or the highest rate was chosen.
        runs: replicates that the search used.
        saved: further replicates that testing every rate at every depth tried would have taken.

    """

    monotone: bool
    rates: Mapping[int, float]
    at_edge: tuple[int, ...]
    runs: int
    saved: int


class _MissingTrialsError(Exception):
    """The search cannot proceed without the outcomes of `trials`."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.trials = [*trials]


@dataclass
class DepthSearch:
    """The search of one arm. It accepts outcomes that it did not ask for, and asks only for those it lacks.

    Attributes:
        lowest, highest: the range of depths, in blocks.
        rates: the candidate learning rates.
        tuning_seeds: seeds that choose among the rates; unused if there is one rate.
        few, many: test replicates at each depth, and at the two depths that bound D50.
        ratio: the ratio of these two depths at which bisection stops.
        outcomes: outcomes by (depth, rate), then by seed.

    Raises:
        ValueError: depths, rates or seeds are out of range.

    """

    lowest: int = 4
    highest: int = 256
    rates: Sequence[float] = (1e-3,)
    tuning_seeds: Sequence[int] = (0, 1, 2)
    few: int = 3
    many: int = 8
    ratio: float = 1.25
    outcomes: dict[tuple[int, float], dict[int, TrialOutcome]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (1 <= self.lowest < self.highest and self.rates and 1 <= self.few <= self.many and self.ratio > 1):
            raise ValueError("expected 1 ≤ lowest < highest, a learning rate, 1 ≤ few ≤ many and a ratio above 1")
        if len(self.rates) > 1 and not self.tuning_seeds:
            raise ValueError("several learning rates need tuning seeds")
        taken = {*self.tuning_seeds} if len(self.rates) > 1 else set()
        self.test_seeds = [s for s in range(self.many + len(taken) + max(taken, default=0)) if s not in taken]

    def ask(self) -> list[Trial]:
        """Return the trials to train next, in any order or in parallel; empty once the search has ended."""
        try:
            self._walk()
        except _MissingTrialsError as missing:
            return missing.trials
        return []

    def tell(self, depth: int, rate: float, outcomes: Mapping[int, TrialOutcome]) -> None:
        """Record outcomes, by seed, of replicates trained at a depth and a learning rate."""
        self.outcomes.setdefault((depth, rate), {}).update(outcomes)

    def estimate(self) -> DepthSearchEstimate:
        """Return the result.

        Raises:
            ValueError: the search has not ended.

        """
        try:
            check_depth = self._walk()
        except _MissingTrialsError:
            raise ValueError("the search has not ended") from None
        shares = self.shares
        rates = {depth: self._rate(depth) for depth in shares}
        edges = (min(self.rates), max(self.rates))
        tuned = len(self._active_tuning_seeds)
        runs = sum(share.total + len(self.rates) * tuned for share in shares.values())
        exhaustive = len(self.rates) * sum(share.total + tuned for share in shares.values())
        return DepthSearchEstimate(
            **asdict(estimate_depth(shares, TUNED_WIDENING if tuned else 1.0)),
            monotone=check_depth is None or 2 * shares[check_depth].count <= shares[check_depth].total,
            rates=rates,
            at_edge=tuple(d for d, rate in rates.items() if len(self.rates) > 1 and rate in edges),
            runs=runs,
            saved=exhaustive - runs,
        )

    @property
    def shares(self) -> dict[int, Share]:
        """The share of trained test replicates at each depth whose choice of a rate has been tested."""
        depths = sorted({depth for depth, _ in self.outcomes})
        return {depth: self._share(depth) for depth in depths if self._missing(depth, 1) == []}

    @property
    def max_runs(self) -> int:
        """An upper bound on the number of replicates that the search can take."""
        doublings = math.ceil(math.log2(self.highest / self.lowest)) + 1
        bisections = math.ceil(math.log2(math.log(2) / math.log(self.ratio))) if self.ratio < 2 else 0
        depths = doublings + bisections + 2  # one for the monotonicity check, one for rounding
        return depths * (len(self.rates) * len(self._active_tuning_seeds) + self.few) + 3 * (self.many - self.few)

    def _walk(self) -> int | None:
        """Replay the search; return the depth of the monotonicity check, if there is one.

        Raises:
            _MissingTrialsError: outcomes that the search needs are missing.

        """
        low, high = self._double()
        while low is not None and high is not None and high / low > self.ratio:
            middle = round(math.sqrt(low * high))
            if middle in (low, high):
                break
            low, high = (middle, high) if self._trains(middle, self.few) else (low, middle)
        self._require([depth for depth in (low, high) if depth is not None], self.many)
        check_depth = min(2 * high, self.highest) if high is not None else None
        if check_depth is None or check_depth == high:
            return None
        if self._trains(check_depth, self.few):
            self._require([check_depth], self.many)
        return check_depth

    def _double(self) -> tuple[int | None, int | None]:
        low, depth = None, self.lowest
        while self._trains(depth, self.few):
            if depth == self.highest:
                return depth, None
            low, depth = depth, min(2 * depth, self.highest)
        return low, depth

    def _trains(self, depth: int, count: int) -> bool:
        """Return whether more than a third of the first `count` test seeds train at a depth."""
        self._require([depth], count)
        outcomes = self.outcomes[depth, self._rate(depth)]
        return sum(outcomes[seed].trained for seed in self.test_seeds[:count]) > count / 3

    def _require(self, depths: Sequence[int], count: int) -> None:
        """Raise _MissingTrialsError unless the first `count` test seeds are known at each depth's chosen rate."""
        missing = [trial for depth in depths for trial in self._missing(depth, count)]
        if missing:
            raise _MissingTrialsError(missing)

    def _missing(self, depth: int, count: int) -> list[Trial]:
        """Return the trials missing at a depth: those that tune the rate, then those that test it."""
        tuning = [self._trial(depth, rate, self._active_tuning_seeds, "tuning") for rate in self.rates]
        if any(trial.seeds for trial in tuning):
            return [trial for trial in tuning if trial.seeds]
        test = self._trial(depth, self._rate(depth), self.test_seeds[:count], "test")
        return [test] if test.seeds else []

    def _trial(self, depth: int, rate: float, seeds: Sequence[int], role: Literal["tuning", "test"]) -> Trial:
        have = self.outcomes.get((depth, rate), {})
        return Trial(depth, rate, tuple(seed for seed in seeds if seed not in have), role)

    @property
    def _active_tuning_seeds(self) -> Sequence[int]:
        return self.tuning_seeds if len(self.rates) > 1 else ()

    def _rate(self, depth: int) -> float:
        """Return the rate at which most tuning seeds train, the lowest median loss breaking ties."""
        return min(self.rates, key=lambda rate: self._selection_key(depth, rate))

    def _selection_key(self, depth: int, rate: float) -> tuple[int, float]:
        outcomes = [self.outcomes[depth, rate][seed] for seed in self._active_tuning_seeds]
        return selection_key([outcome.trained for outcome in outcomes], [outcome.loss for outcome in outcomes])

    def _share(self, depth: int) -> Share:
        outcomes = self.outcomes[depth, self._rate(depth)]
        trained = [outcomes[seed].trained for seed in self.test_seeds if seed in outcomes]
        return Share(sum(trained), len(trained))
