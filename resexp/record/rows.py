"""A cell as one row of a table: path, configuration, verdicts, means over seeds and scores."""

import os
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
"""Numbers of replicates of which a row has the means over seeds."""

SCORE_CACHE = ".scores.json"
"""The cache of scores, beside the index."""

ScoresBySeed = Mapping[int, Scores]


def cell_row(result: CellResult, scores: ScoresBySeed) -> dict[str, Any]:
    """Return the row of a cell: filter values, counts of verdicts, means over seeds, and the cell's scores."""
    fields = {key: getattr(result, key) for key in ("id", "name", "path", "error", "seconds")}
    means = {key: mean(getattr(r, key) for r in result.replicates) for key in METRICS}
    verdicts = dict.fromkeys(VERDICTS, 0) | result.verdict_counts
    return {**fields, **filter_values(result), **verdicts, **means, **cell_scores(scores)._asdict()}


def row_value(result: CellResult, scores: ScoresBySeed, key: str) -> Any:
    """Return what the row of a cell has for `key`; None if it has no such key."""
    return mean(getattr(r, key) for r in result.replicates) if key in METRICS else cell_row(result, scores).get(key)


def cell_scores(scores: ScoresBySeed) -> Scores:
    """Return the mean score of a cell and the lower median of its steps to the target loss."""
    steps = [
        StepsToTarget(s.steps_to_target, bool(s.censored)) for s in scores.values() if s.steps_to_target is not None
    ]
    score, middle = mean(s.score for s in scores.values()), median_steps(steps)
    return Scores(score, middle.steps, middle.censored) if middle else Scores(score)


def scores_by_seed(results: Sequence[CellResult]) -> list[ScoresBySeed]:
    """Return the scores of each cell by seed; empty for a cell that is not done, or lacks a reference or its steps."""
    if not results:
        return []
    cells = {result.path: result for result in results}
    index_dir = index_dir_of(Path(os.path.commonpath([*cells])))
    cache = Cache(index_dir / SCORE_CACHE, (RESULT, STEPS), lambda path: _scores(cells[str(path)]))
    scores = {path: {int(seed): Scores(*values) for seed, values in cache(path).items()} for path in cells}
    cache.save(drop_unused=False)
    return [scores[result.path] for result in results]


def _scores(result: CellResult) -> dict[int, Scores]:
    steps = RunDir(result.path).steps() if result.status == "done" and result.reference else None
    if steps is None or result.reference is None:
        return {}
    budget = int(result.flat["steps"])
    losses = {r.seed: steps["loss"][steps["seed"] == r.seed] for r in result.replicates}
    return {seed: compute_scores(losses[seed], budget, result.reference) for seed in losses}
