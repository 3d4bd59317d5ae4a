"""A cell in one row: where it lies, its configuration, and what its replicates came to."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resexp.record.cache import Cache
from resexp.record.filters import filter_values
from resexp.record.index import index_dir_of
from resexp.record.result import CellResult, mean
from resexp.record.store import RESULT, STEPS, RunDir
from resexp.stats.scores import Scores, StepsToTarget, compute_scores, median_steps
from resexp.stats.verdict import VERDICTS

METRICS = ("loss_train", "loss_val", "accuracy_train", "accuracy_val")
"""Of which a row has the means over seeds."""

SCORES = ".scores.json"
"""What is kept of the scores, beside the index."""

BySeed = Mapping[int, Scores]


def cell_row(result: CellResult, scores: BySeed) -> dict[str, Any]:
    """What filters see of a cell, its counts of verdicts, means over seeds, and the median of the steps to the bar."""
    counts = Counter(result.verdict(r) for r in result.replicates)
    plain = {key: getattr(result, key) for key in ("id", "name", "path", "error", "seconds")}
    means = {key: mean(getattr(r, key) for r in result.replicates) for key in METRICS}
    come_to = {word: counts[word] for word in VERDICTS} | means
    return {**plain, **filter_values(result), **come_to, **cell_scores(scores)._asdict()}


def row_value(result: CellResult, scores: BySeed, key: str) -> Any:
    """What the row of a cell has for `key`; None where it has no such key."""
    return mean(getattr(r, key) for r in result.replicates) if key in METRICS else cell_row(result, scores).get(key)


def cell_scores(scores: BySeed) -> Scores:
    """The mean score of a cell, and the lower median of its steps to the bar."""
    known = [
        StepsToTarget(s.steps_to_target, bool(s.censored)) for s in scores.values() if s.steps_to_target is not None
    ]
    score, met = mean(s.score for s in scores.values()), median_steps(known)
    return Scores(score, met.steps, met.censored) if met else Scores(score)


def scores_by_seed(results: Sequence[CellResult]) -> list[BySeed]:
    """The scores of each cell by seed, from its step file; of what is not done, or has no bar or no steps, none."""
    if not results:
        return []
    cells = {result.path: result for result in results}
    home = index_dir_of(Path(os.path.commonpath([*cells])))
    kept = Cache(home / SCORES, (RESULT, STEPS), lambda place: _scores(cells[str(place)]))
    found = [{int(seed): Scores(*values) for seed, values in kept(path).items()} for path in cells]
    kept.save(whole=False)
    by_path = dict(zip(cells, found, strict=True))
    return [by_path[result.path] for result in results]


def _scores(result: CellResult) -> dict[int, Scores]:
    steps = RunDir(Path(result.path)).steps() if result.status == "done" and result.reference else None
    if steps is None or result.reference is None:
        return {}
    budget = int(result.flat["steps"])
    of = {r.seed: steps["loss"][steps["seed"] == r.seed] for r in result.replicates}
    return {seed: compute_scores(losses, budget, result.reference) for seed, losses in of.items()}
