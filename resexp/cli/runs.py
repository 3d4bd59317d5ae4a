"""The command `runs`: what is in outputs/, filtered and sorted."""

import csv
import gc
import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from resexp.config.errors import InputError, nearest
from resexp.console import tables
from resexp.formats import accuracy_text, loss_text
from resexp.record.filters import is_filter, parse_filter, select, sort_key, value_text
from resexp.record.index import is_sweep, scan
from resexp.record.result import CellResult
from resexp.record.rows import METRICS, ScoresBySeed, cell_row, cell_scores, row_value, scores_by_seed
from resexp.stats.verdict import VERDICTS

Found = list[tuple[CellResult, ScoresBySeed]]
SCORES = ("score", "steps_to_target")


def run(parser: ArgumentParser, argv: list[str]) -> int:
    """Print the cells; 0. Raises InputError where a filter or the key to sort by means nothing."""
    parser.add_argument("words", nargs="*", metavar="FILTER or PATH", help="as norm=pre or 'depth>=24'; [outputs]")
    order = parser.add_mutually_exclusive_group()
    order.add_argument("--best", metavar="METRIC", help="the best first: the lowest loss or time, the highest accuracy")
    order.add_argument("--sort", metavar="KEY", help="by a key, a mean over seeds (loss_train, …) or seconds")
    parser.add_argument("--reverse", action="store_true", help="the other way round")
    parser.add_argument("--json", action="store_true", help="a list with one object per cell")
    parser.add_argument("--csv", action="store_true", help="a line per cell: configuration, verdicts, means over seeds")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="write the same, with types, as a Parquet file")
    args = parser.parse_intermixed_args(argv)
    gc.disable()  # what is read stays to the end: looking for garbage in it takes as long as reading it
    try:
        _show(args)
    finally:
        gc.enable()
    return 0


def _show(args: Namespace) -> None:
    paths = [Path(word) for word in args.words if not is_filter(word)] or [Path("outputs")]
    terms = [term for word in args.words if is_filter(word) for term in parse_filter(word)]
    every = [*scan(paths)]
    results = select(every, terms)
    key, is_whole = args.best or args.sort, args.json or args.csv or args.parquet
    scores = scores_by_seed(results) if is_whole or key in SCORES else [{} for _ in results]
    found: Found = [*zip(results, scores, strict=True)]
    if key and results:
        found = _sorted(found, key, args.reverse != _is_better_high(args.best))
    if args.parquet:
        _write_parquet(args.parquet, found)
    if args.json:
        print(json.dumps([result.to_json(scores) for result, scores in found], indent=1, allow_nan=False))
    elif args.csv:
        _write_csv(found)
    elif args.parquet:
        print(f"{len(found)} cells in {args.parquet}")
    elif found:
        results, console = [result for result, _ in found], tables.console()
        if all(map(is_sweep, paths)) and not key:
            from resexp.console.matrix import Matrix, conclusion  # which need scipy

            console.print(Matrix(results), conclusion(results))
        else:
            console.print(tables.runs_table(results, _columns(found, key)), crop=False)
    else:
        start = f"nothing there yet; {tables.command()} train +norm=pre depth=48 is a start"
        print(f"none of {len(every)} cells is like that" if every else start)


def _is_better_high(metric: str | None) -> bool:
    """Whether the best of a metric is its highest. Raises InputError where it is none."""
    metrics = (*METRICS, *VERDICTS, *SCORES, "seconds")
    if metric is not None and metric not in metrics:
        raise InputError(f"--best {metric}: no such metric{nearest(metric, metrics)}")
    return metric is not None and (metric.startswith("accuracy") or metric in ("trained", "score"))


def _sorted(found: Found, key: str, reverse: bool) -> Found:
    """By a column; cells without a value come last, of steps to the bar what never met it after all that did."""
    values = [row_value(*one, key) for one in found]
    known = [i for i, v in enumerate(values) if v is not None]
    if not known and key not in (keys := {k for one in found for k in cell_row(*one)}):
        raise InputError(f"{key}: no such key to sort by{nearest(key, keys)}")

    def place(i: int) -> tuple[bool, tuple[float, str]]:
        return key == "steps_to_target" and bool(cell_scores(found[i][1]).censored), sort_key(value_text(values[i]))

    order = sorted(known, key=place, reverse=reverse)
    return [found[i] for i in (*order, *(i for i, v in enumerate(values) if v is None))]


def _columns(found: Found, key: str | None) -> dict[str, list[str]]:
    """What the table shows beside what it always does: what its order goes by."""
    if key in SCORES:
        come_to = [cell_scores(scores) for _, scores in found]
        return {"score": [accuracy_text(s.score) for s in come_to], "to target": [*map(tables.to_target, come_to)]}
    texts = {"loss_val": loss_text, "accuracy_train": accuracy_text}
    return {key: [texts[key](row_value(*one, key)) for one in found]} if key in texts else {}


def _write_csv(found: Found) -> None:
    rows = [{k: "" if v is None else value_text(v) for k, v in cell_row(*one).items()} for one in found]
    columns = dict.fromkeys(key for r in rows for key in r)
    writer = csv.DictWriter(sys.stdout, [*columns], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _write_parquet(file: Path, found: Found) -> None:
    if not file.parent.is_dir():
        raise InputError(f"--parquet {file}: no such directory")
    from resexp.record.frames import cells_table, write_parquet

    write_parquet(file, cells_table(found))
