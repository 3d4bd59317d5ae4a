"""The command `depth`: how deep arms train, by a search that decides from what is trained what to train next."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from resexp.cells.interrupt import Stop
from resexp.config.compose import Composer
from resexp.console import tables
from resexp.console.depth import DepthTable, forecast, progress
from resexp.console.sweep import SweepView
from resexp.sweeps.depth_search import ArmSearch, arms, first_round, search
from resexp.sweeps.estimate import missing
from resexp.sweeps.job import no_callback

EPILOG = """\
OVERRIDES are those of resexp train; each combination of several values is an arm, with a search of its own. The
depths given bound the search: depth=512 goes up to 512, depth=8,512 from 8; without, from 4 up to 256. Of several
optimizer.lr the best is chosen at each depth on the tuning_seeds and tested on other seeds; without, of 0.3, 1 and 3
times the optimizer's own (3e-4, 1e-3 and 3e-3 of adamw); of one, there is no choice. seeds=N: N test seeds at the
depths that decide [8]. What is trained already counts; the same command goes on where an earlier one ended."""


def run(parser: ArgumentParser, argv: list[str]) -> int:
    """Search, and print what was found; the exit code."""
    parser.epilog = EPILOG
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDES", help="as of resexp train")
    parser.add_argument("-m", "--multirun", action="store_true", help="as of resexp train; it goes without saying")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--json", action="store_true", help="a list with one object per arm")
    instead.add_argument("--dry-run", action="store_true", help="the first cells, and the most that a search takes")
    parser.add_argument("--config-dir", metavar="DIR", help="your own options")
    args = parser.parse_intermixed_args(argv)
    composer = Composer(args.config_dir)
    overrides = composer.normalize(args.overrides)
    wanted = arms(composer, overrides)
    if args.dry_run:
        first = first_round(composer, wanted)
        tables.console().print(tables.plan(first, missing(first)))
        print(forecast(wanted))
        return 0
    stop = Stop()
    with _view(wanted, stop, quiet=args.json) as view:
        done = search(composer, overrides, wanted, view.callback_for if view else no_callback, stop)
    if args.json:
        print(json.dumps([arm.to_json() for arm in wanted], indent=1, allow_nan=False))
    else:
        tables.console().print(DepthTable(wanted))
        print(f"next      {tables.command()} report{tables.place(done.outputs)}")
    for line in tables.failures(done.failures):
        print(line, file=sys.stderr)
    if done.error:
        print(f"resexp: the sweep ended early: {done.error}", file=sys.stderr)
    return 0 if all(arm.estimate for arm in wanted) else 1


def _view(wanted: Sequence[ArmSearch], stop: Stop, quiet: bool) -> Any:
    return nullcontext() if quiet else SweepView([], stop, lambda _: progress(wanted), "to go in this round")
