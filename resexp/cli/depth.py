"""The command `depth`: a search for the trainable depth of each arm."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from resexp.cells.interrupt import Stop
from resexp.config.compose import Composer
from resexp.console.depth import DepthTable, forecast, progress_table
from resexp.console.hints import resexp_command
from resexp.console.plan import plan_table
from resexp.console.result_text import failure_lines
from resexp.console.sweep import SweepView
from resexp.console.terminal import console, print_text
from resexp.record.files import json_text
from resexp.sweeps.arm_search import ArmSearch, arm_searches
from resexp.sweeps.depth_search import first_round, search_depths
from resexp.sweeps.estimate import cells_to_train
from resexp.sweeps.job import no_callback


def run(args: Namespace) -> int:
    """Search and print the trainable depths; return the exit code."""
    composer = Composer(args.config_dir)
    overrides = composer.normalize(args.overrides)
    searches, stdout = arm_searches(composer, overrides), console()
    if args.dry_run:
        cells = first_round(composer, searches)
        stdout.print(plan_table(cells, cells_to_train(cells)))
        print_text(stdout, forecast(searches))
        return 0
    stop = Stop()
    with _view(searches, stop, quiet=args.json) as view:
        result = search_depths(composer, overrides, searches, view.callback_for if view else no_callback, stop)
    if args.json:
        print(json_text([arm.to_json() for arm in searches]))
    else:
        stdout.print(DepthTable(searches))
        print(f"next      {resexp_command('report', result.outputs)}")
    for line in failure_lines(result.failures):
        print(line, file=sys.stderr)
    if result.error:
        print(f"resexp: the search ended early: {result.error}", file=sys.stderr)
    return 0 if all(arm.estimate for arm in searches) else 1


def _view(searches: Sequence[ArmSearch], stop: Stop, quiet: bool) -> AbstractContextManager[SweepView | None]:
    return nullcontext() if quiet else SweepView([], stop, lambda _: progress_table(searches), "to go in this round")
