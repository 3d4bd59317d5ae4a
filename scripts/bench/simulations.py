"""Error rates of the statistics on simulated replicates with known truth: print a table in Markdown.

Every row is a share of independent simulations, ± its Monte Carlo standard error: false positives if there is no
effect, and coverage of intervals. It takes a minute of one core. In the shapes, N counts simulations.
"""

import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from resexp.stats.depth import DepthSearch, DepthSearchEstimate, TrialOutcome
from resexp.stats.factorial import factorial_effects
from resexp.stats.paired import compare_pairs, holm, sign_flip_test, tost

SEEDS = (5, 8)
SIMULATIONS, SEARCHES, FAMILY = 8000, 1000, 6
SCALES = (0.05, 0.25, 0.5, 0.75)
RATES = {3e-4: 1 / 2, 1e-3: 1.0, 3e-3: 1 / 3}
"""Trainable depth at a learning rate, as a share of that at the best rate."""
NOISES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda rng, shape: rng.normal(0, 1, shape),
    "heavy-tailed (t, 3 df)": lambda rng, shape: rng.standard_t(3, shape),
    "one in five diverges": lambda rng, shape: np.where(rng.random(shape) < 0.2, 8.0, rng.normal(0, 1, shape)),
}
"""Distributions of the outcome of a replicate; two arms with the same distribution do not differ."""


@dataclass(frozen=True)
class Row:
    """A share of simulations: its label, its nominal value, and the counts of which it is the ratio."""

    label: str
    nominal: str
    count: int
    simulations: int

    def __str__(self) -> str:
        share = self.count / self.simulations
        error = math.sqrt(max(share * (1 - share), 1 / self.simulations) / self.simulations)
        return f"| {self.label} | {self.nominal} | {100 * share:.1f} ± {100 * error:.1f} % | {self.simulations:,} |"


def share(label: str, nominal: str, outcomes: Sequence[bool]) -> Row:
    return Row(label, nominal, sum(outcomes), len(outcomes))


def tests(rng: np.random.Generator) -> Iterator[Row]:
    """Yield false-positive rates of paired comparisons of arms that do not differ, alone and in families."""
    for n in SEEDS:
        for noise, draw in NOISES.items():
            d_NS = draw(rng, (SIMULATIONS, n)) - draw(rng, (SIMULATIONS, n))
            for sided, least in (("two-sided", 2), ("less", 1)):
                p = [sign_flip_test(d_S, sided) for d_S in d_NS]  # type: ignore[arg-type]
                note = f"≤ 5 % (its p is ≥ {least / 2**n:.3g})"
                yield share(f"sign-flip test, {sided}, n = {n}, {noise}: p ≤ .05", note, [x <= 0.05 for x in p])
        # the arms share a baseline, so the differences of the family are dependent
        y_NFS = rng.normal(0, 1, (SIMULATIONS // 2, FAMILY + 1, n))
        families = [holm([sign_flip_test(y_FS[0] - y_S) for y_S in y_FS[1:]]) for y_FS in y_NFS]
        named = f"Holm over {FAMILY} comparisons with one arm, n = {n}: any p ≤ .05"
        yield share(named, "≤ 5 %", [min(family) <= 0.05 for family in families])
        y_NRNS = rng.normal(0, 1, (SIMULATIONS // 4, 2, 3, n)) + rng.normal(0, 1, (SIMULATIONS // 4, 1, 1, n))
        p_values = [[e.paired.p for e in factorial_effects(_grid(y))] for y in y_NRNS]
        yield share(f"factorial, n = {n}: p ≤ .05 of an effect", "≤ 5 %", [p <= 0.05 for ps in p_values for p in ps])
        yield share(
            f"factorial, Holm over its 5, n = {n}: any p ≤ .05", "≤ 5 %", [min(holm(p)) <= 0.05 for p in p_values]
        )


def _grid(y_RNS: np.ndarray) -> dict[tuple[str, str], dict[int, float]]:
    levels = [(r, n) for r in ("off", "on") for n in ("none", "pre", "post")]
    return {level: dict(enumerate(row.tolist())) for level, row in zip(levels, y_RNS.reshape(6, -1), strict=True)}


def intervals(rng: np.random.Generator) -> Iterator[Row]:
    """Yield coverages of intervals for a difference of 1, and error rates of equivalence tests at the margin."""
    for n in SEEDS:
        for noise, draw in NOISES.items():
            tests = [compare_pairs(d_S) for d_S in 1 + draw(rng, (SIMULATIONS, n)) - draw(rng, (SIMULATIONS, n))]
            covered = [t.interval.low <= 1 <= t.interval.high for t in tests]
            yield share(f"t interval, n = {n}, {noise}: covers the mean", "95 %", covered)
            covered = [t.extremes.low <= 1 <= t.extremes.high for t in tests]
            exact = 100 * tests[0].extremes.coverage
            yield share(f"[min, max], n = {n}, {noise}: covers the median", f"{exact:.2f} %", covered)
        for spread in (0.1, 1.0):
            at_margin = 1 + spread * rng.normal(0, 1, (SIMULATIONS, n))
            words = [tost(d_S, 1.0).word for d_S in at_margin]
            named = f"TOST, truth at the margin, noise {spread:g} × margin, n = {n}"
            yield share(f"{named}: `equivalent`", "≤ 5 %", [w == "equivalent" for w in words])
            yield share(f"{named}: `different`", "≤ 5 %", [w == "different" for w in words])
    for n in SEEDS:  # few seeds say little about how often one diverges
        d_NS = 8.0 * (rng.random((SIMULATIONS, n)) < 0.1) + rng.normal(0, 1, (SIMULATIONS, n))
        tests = [compare_pairs(d_S) for d_S in d_NS]
        covered = [t.interval.low <= 0.8 <= t.interval.high for t in tests]
        yield share(f"t interval, n = {n}, A alone diverges in one seed of ten: covers the mean", "95 %", covered)


def chance(depth: float, reach: float, s: float) -> float:
    """Return the probability that a replicate trains, if half of them do at the depth `reach`."""
    return float(1 / (1 + (depth / reach) ** (1 / s)))


def search(rng: np.random.Generator, d50: float, s: float, rates: Mapping[float, float]) -> DepthSearchEstimate:
    """Search an arm whose D50 at each learning rate is `d50` times the factor in `rates`."""
    searcher = DepthSearch(rates=[*rates])
    while trials := searcher.ask():
        for trial in trials:
            chances = chance(trial.depth, d50 * rates[trial.rate], s)
            outcomes = {seed: TrialOutcome(bool(rng.random() < chances), float(rng.random())) for seed in trial.seeds}
            searcher.tell(trial.depth, trial.rate, outcomes)
    return searcher.estimate()


def d50_as_tuned(s: float, rates: Mapping[float, float], seeds: int = 3) -> float:
    """Return D50 at the rate that `seeds` tuning seeds choose, as a share of D50 at the best rate."""

    def trained(depth: float) -> float:
        chances = [chance(depth, reach, s) for reach in rates.values()]
        total = 0.0
        for counts in itertools.product(range(seeds + 1), repeat=len(rates)):
            weights = (
                math.comb(seeds, c) * p**c * (1 - p) ** (seeds - c) for c, p in zip(counts, chances, strict=True)
            )
            best = [p for c, p in zip(counts, chances, strict=True) if c == max(counts)]
            total += math.prod(weights) * sum(best) / len(best)
        return total

    return float(brentq(lambda depth: trained(depth) - 0.5, 0.05, 5))


def depths(rng: np.random.Generator) -> Iterator[Row]:
    """Yield coverages of D50 between 8 and 128, for several widths of the transition, with and without rate choice."""
    for rates in ({1e-3: 1.0}, RATES):
        for s in SCALES:
            bests = np.exp(rng.uniform(math.log(8), math.log(128), SEARCHES if len(rates) == 1 else SEARCHES // 2))
            estimates = [search(rng, best, s, rates) for best in bests]
            truths = bests * (d50_as_tuned(s, rates) if len(rates) > 1 else 1.0)
            covered = [(e.low or 0) <= d <= (e.high or math.inf) for e, d in zip(estimates, truths, strict=True)]
            errors = [math.log(e.d50 / d) for e, d in zip(estimates, truths, strict=True) if e.d50]
            ratio = math.exp(np.median([math.log(e.high / e.low) for e in estimates if e.d50 and e.high and e.low]))
            about = f"D50, s = {s:g}, {len(rates)} rate{'s' * (len(rates) > 1)}"
            details = (
                f"median ratio of its ends {ratio:.2f}, ln D50 off by {np.mean(errors):+.2f} ± {np.std(errors):.2f}, "
            )
            details += f"{np.mean([e.runs for e in estimates]):.0f} runs"
            yield share(f"{about}: interval covers it ({details})", "95 %", covered)
            yield share(f"{about}: reported as non-monotone", "0 %", [not e.monotone for e in estimates])


def main(draw: int = 0) -> None:
    """Run all parts. The intervals of D50 were tuned on the random numbers of draw 0."""
    start = time.process_time()
    print("| quantity | nominal | measured | simulations |\n|---|---|---|---|")
    for number, part in enumerate((tests, intervals, depths)):
        for row in part(np.random.default_rng(3 * draw + number)):
            print(row, flush=True)
    print(f"{time.process_time() - start:.0f} s of CPU time", file=sys.stderr)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
