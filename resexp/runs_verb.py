"""The verb `runs`: what is in outputs/, filtered and sorted."""

import csv
import json
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resexp.console import tables
from resexp.kinds import InputError, nearest
from resexp.record.filters import flat, in_order, is_filter, select, terms_of, text_of
from resexp.record.index import is_sweep, scan
from resexp.record.result import CellResult, mean
from resexp.stats.verdict import VERDICTS

METRICS = ("loss_train", "loss_val", "accuracy_train", "accuracy_val")


def run(parser: ArgumentParser, argv: list[str]) -> int:
    """Print the cells; 0. Raises InputError where a filter or the key to sort by means nothing."""
    parser.add_argument("words", nargs="*", metavar="FILTER or PATH", help="as norm=pre or 'depth>=24'; [outputs]")
    order = parser.add_mutually_exclusive_group()
    order.add_argument("--best", metavar="METRIC", help="the best first: the lowest loss or time, the highest accuracy")
    order.add_argument("--sort", metavar="KEY", help="by a key, a mean over seeds (loss_train, …) or seconds")
    parser.add_argument("--reverse", action="store_true", help="the other way round")
    parser.add_argument("--json", action="store_true", help="a list with one object per cell")
    parser.add_argument("--csv", action="store_true", help="a line per cell: configuration, verdicts, means over seeds")
    args = parser.parse_intermixed_args(argv)
    paths = [Path(word) for word in args.words if not is_filter(word)] or [Path("outputs")]
    terms = [term for word in args.words if is_filter(word) for term in terms_of(word)]
    every = [*scan(paths)]
    results = select(every, terms)
    key = args.best or args.sort
    if key and results:
        results = _sorted(results, key, args.reverse != _is_better_high(args.best))
    if args.json:
        print(json.dumps([result.to_json() for result in results], indent=1, allow_nan=False))
    elif args.csv:
        _write_csv(results)
    elif results:
        is_matrix = all(map(is_sweep, paths)) and not key
        tables.console().print((tables.Matrix if is_matrix else tables.runs_table)(results))
    else:
        start = f"nothing there yet; {tables.command()} train +norm=pre depth=48 is a start"
        print(f"none of {len(every)} cells is like that" if every else start)
    return 0


def _is_better_high(metric: str | None) -> bool:
    """Whether the best of a metric is its highest. Raises InputError where it is none."""
    metrics = (*METRICS, *VERDICTS, "seconds")
    if metric is not None and metric not in metrics:
        raise InputError(f"--best {metric}: no such metric{nearest(metric, metrics)}")
    return metric is not None and (metric.startswith("accuracy") or metric == "trained")


def _row(result: CellResult) -> dict[str, Any]:
    """A cell in one level: the filters' view, and what its replicates came to."""
    counts = Counter(result.verdict(r) for r in result.replicates)
    plain = {key: getattr(result, key) for key in ("id", "name", "path", "error", "seconds")}
    means = {key: mean(getattr(r, key) for r in result.replicates) for key in METRICS}
    return {**plain, **flat(result), **{word: counts[word] for word in VERDICTS}, **means}


def _sorted(results: Sequence[CellResult], key: str, reverse: bool) -> list[CellResult]:
    """By a column; cells without a value come last."""
    rows = [_row(result) for result in results]
    known = {k for row in rows for k in row}
    if key not in known:
        raise InputError(f"{key}: no such key to sort by{nearest(key, known)}")
    values = [row.get(key) for row in rows]
    with_value = [i for i, value in enumerate(values) if value is not None]
    order = sorted(with_value, key=lambda i: in_order(text_of(values[i])), reverse=reverse)
    return [results[i] for i in (*order, *(i for i, value in enumerate(values) if value is None))]


def _write_csv(results: Sequence[CellResult]) -> None:
    rows = [{k: "" if v is None else text_of(v) for k, v in _row(result).items()} for result in results]
    columns = dict.fromkeys(key for row in rows for key in row)
    writer = csv.DictWriter(sys.stdout, [*columns], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
