"""The command `probe`: networks looked at without training them."""

import json
from argparse import ArgumentParser

from rich.console import Group

from resexp.config.compose import Composer
from resexp.console import tables
from resexp.console.probe import ProbeView, lines


def run(parser: ArgumentParser, argv: list[str]) -> int:
    """Probe what a command line asks for; the exit code."""
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDES", help="as of resexp train")
    parser.add_argument("-m", "--multirun", action="store_true", help="every combination, a line each")
    parser.add_argument("--json", action="store_true", help="a list with one object per cell")
    parser.add_argument("--config-dir", metavar="DIR", help="your own options")
    args = parser.parse_intermixed_args(argv)
    composer = Composer(args.config_dir)
    overrides = composer.normalize(args.overrides)
    many = args.multirun or composer.is_sweep(overrides)
    cells = [cell for _, cell in composer.jobs(overrides)] if many else [composer.cell(overrides)]
    from resexp.cells.probe import probe_cell

    found = [probe_cell(cell) for cell in cells]
    if args.json:
        print(json.dumps([one.to_json() for one in found], indent=1, allow_nan=False))
    else:
        tables.console().print(lines(found) if many else Group(*map(ProbeView, found)))
    return 0
