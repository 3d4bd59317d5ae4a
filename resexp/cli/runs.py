"""The command `runs`: the cells of outputs directories, filtered and sorted."""

import csv
import gc
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from resexp.config.errors import InputError, nearest
from resexp.console.hints import resexp_command
from resexp.console.result_text import steps_to_target_text
from resexp.console.tables import runs_table
from resexp.console.terminal import console
from resexp.formats import accuracy_text, loss_text, plural
from resexp.record.files import json_text
from resexp.record.filters import is_filter, parse_filter, select, sort_key, value_text
from resexp.record.index import is_sweep, scan
from resexp.record.result import CellResult
from resexp.record.rows import METRICS, ScoresBySeed, cell_row, cell_scores, row_value, scores_by_seed
from resexp.stats.verdict import VERDICTS

Scored = tuple[CellResult, ScoresBySeed]
"""A cell, and the scores of its replicates."""

SCORES = ("score", "steps_to_target")


def run(args: Namespace) -> int:
    """Print the cells; return the exit code."""
    gc.disable()  # everything read stays until the end; collecting garbage would take as long as reading
    try:
        _list(args)
    finally:
        gc.enable()
    return 0


def _list(args: Namespace) -> None:
    paths = [Path(word) for word in args.words if not is_filter(word)] or [Path("outputs")]
    terms = [term for word in args.words if is_filter(word) for term in parse_filter(word)]
    results = [*scan(paths)]
    selected = select(results, terms)
    key, needs_rows = args.best or args.sort, args.json or args.csv or args.parquet
    scores = scores_by_seed(selected) if needs_rows or key in SCORES else [{} for _ in selected]
    cells: list[Scored] = [*zip(selected, scores, strict=True)]
    if key and cells:
        cells = _sorted(cells, key, args.reverse != _is_higher_better(args.best))
    if args.parquet:
        _write_parquet(args.parquet, cells)
    if args.json:
        print(json_text([result.to_json(scores) for result, scores in cells]))
    elif args.csv:
        _write_csv(cells)
    elif args.parquet:
        print(f"{plural(len(cells), 'cell')} in {args.parquet}")
    elif cells:
        _print_table(cells, key, as_matrix=all(map(is_sweep, paths)) and not key)
    elif results:
        print(f"the filter matches none of {plural(len(results), 'cell')}")
    else:
        print(f"no cells yet; a first one: {resexp_command('train +norm=pre depth=48')}")


def _print_table(cells: Sequence[Scored], key: str | None, as_matrix: bool) -> None:
    results = [result for result, _ in cells]
    if as_matrix:
        from resexp.console.matrix import Matrix, conclusion  # import scipy

        console().print(Matrix(results), conclusion(results))
    else:
        console().print(runs_table(results, _columns(cells, key)), crop=False)


def _is_higher_better(metric: str | None) -> bool:
    """Return whether the best value of a metric is the highest.

    Raises:
        InputError: there is no such metric.

    """
    metrics = (*METRICS, *VERDICTS, *SCORES, "seconds")
    if metric is not None and metric not in metrics:
        raise InputError(f"--best {metric}: no such metric{nearest(metric, metrics)}")
    return metric is not None and (metric.startswith("accuracy") or metric in ("trained", "score"))


def _sorted(cells: Sequence[Scored], key: str, reverse: bool) -> list[Scored]:
    """Sort by a column.

    Cells without a value come last. Steps to a target loss that was not reached come after those that reached it.

    Raises:
        InputError: no cell has this column.

    """
    values = [row_value(*cell, key) for cell in cells]
    with_value = [i for i, value in enumerate(values) if value is not None]
    if not with_value and key not in (keys := {k for cell in cells for k in cell_row(*cell)}):
        raise InputError(f"--sort {key}: no such key{nearest(key, keys)}")

    def order(i: int) -> tuple[bool, tuple[float, str]]:
        return key == "steps_to_target" and bool(cell_scores(cells[i][1]).censored), sort_key(value_text(values[i]))

    without_value = [i for i, value in enumerate(values) if value is None]
    return [cells[i] for i in (*sorted(with_value, key=order, reverse=reverse), *without_value)]


def _columns(cells: Sequence[Scored], key: str | None) -> dict[str, list[str]]:
    """Return the columns that show what the cells are sorted by, if the table does not have them anyway."""
    if key in SCORES:
        scores = [cell_scores(by_seed) for _, by_seed in cells]
        return {
            "score": [accuracy_text(s.score) for s in scores],
            "to target": [steps_to_target_text(s) for s in scores],
        }
    texts = {"loss_val": loss_text, "accuracy_train": accuracy_text}
    return {key: [texts[key](row_value(*cell, key)) for cell in cells]} if key in texts else {}


def _write_csv(cells: Sequence[Scored]) -> None:
    rows = [{k: "" if v is None else value_text(v) for k, v in cell_row(*cell).items()} for cell in cells]
    columns = dict.fromkeys(key for row in rows for key in row)
    writer = csv.DictWriter(sys.stdout, [*columns], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _write_parquet(file: Path, cells: Sequence[Scored]) -> None:
    if not file.parent.is_dir():
        raise InputError(f"--parquet {file}: no such directory")
    from resexp.record.frames import cells_table, write_parquet

    write_parquet(file, cells_table(cells))
