"""The command `compare`: what the results say of two filters."""

import json
from argparse import ArgumentParser
from pathlib import Path

from resexp.analysis.compare import compare_cells
from resexp.console.comparison import ComparisonView
from resexp.console.tables import console
from resexp.record.index import scan

EPILOG = """\
A and B are filters, as norm=pre, 'norm=pre,depth>=24', arm=pre+residual. Their cells are matched by all keys that
do not tell the two apart, replicates by their seed; where cells differ in optimizer.lr, each arm is judged at its best,
chosen on the tuning seeds. Of residual=on residual=off (or two norms), also the factorial of residual × norm."""


def run(parser: ArgumentParser, argv: list[str]) -> int:
    """Print the comparison; 0."""
    parser.epilog = EPILOG
    parser.add_argument("a", metavar="A", help="what the cells of one side have in common")
    parser.add_argument("b", metavar="B", help="what those of the other have")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="outputs directories or parts [outputs]")
    parser.add_argument("--by", metavar="KEY", help="a row per value of KEY, seeds averaged over what else differs")
    parser.add_argument("--json", action="store_true", help="one object, with all of it")
    args = parser.parse_intermixed_args(argv)
    found = compare_cells(args.a, args.b, [*scan(args.paths or [Path("outputs")])], args.by)
    if args.json:
        print(json.dumps(found.to_json(), indent=1, allow_nan=False))
    else:
        console().print(ComparisonView(found))
    return 0
