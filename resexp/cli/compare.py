"""The command `compare`: the results of two filters, paired by seed."""

from argparse import Namespace
from pathlib import Path

from resexp.analysis.compare import compare_cells
from resexp.console.comparison import ComparisonView
from resexp.console.terminal import console
from resexp.record.files import json_text
from resexp.record.index import scan


def run(args: Namespace) -> int:
    """Print the comparison; return the exit code."""
    result = compare_cells(args.a, args.b, [*scan(args.paths or [Path("outputs")])], args.by)
    if args.json:
        print(json_text(result.to_json()))
    else:
        console().print(ComparisonView(result))
    return 0
