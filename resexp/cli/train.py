"""The command `train`: a cell or a sweep. Torch and scipy are imported only when it trains."""

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from resexp.analysis.tuning import choose_rates
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.config.compose import Composer
from resexp.config.errors import InputError, refuse
from resexp.config.hydra_private import get_args_parser
from resexp.console import tables
from resexp.launcher.local import finished
from resexp.launcher.pool import warm
from resexp.record.files import check_writable
from resexp.record.result import CellResult
from resexp.sweeps.estimate import estimate, missing
from resexp.sweeps.sweep import launches_here, sweep


def run(argv: list[str]) -> int:
    """Train what a command line asks for, or show what that would be; the exit code."""
    args, parser = _train_args(argv)
    composer = Composer(args.config_dir, args.config_name)
    overrides = composer.normalize(args.overrides)
    multirun = args.multirun or composer.is_sweep(overrides)
    if args.help or args.hydra_help or args.cfg or args.info:
        _inspect(composer, args, parser, overrides)
        return 0
    if args.dry_run:
        return _dry_run(composer, overrides, multirun)
    return _train_sweep(composer, overrides) if multirun else _train_cell(composer, overrides)


def _train_cell(composer: Composer, overrides: list[str]) -> int:
    cell, stop = composer.cell(overrides), Stop()
    check_writable(Path(cell.settings.outputs))
    from resexp.cells.run import train
    from resexp.console.live import CellView

    with CellView() as view, stop.on_signals():
        result = train(cell, view, stop=stop)
    code = _close([result], cell.settings.outputs)
    print(f"          {tables.command()} train -m depth=8,48 norm=none,pre,post residual=on,off")
    return code


def _train_sweep(composer: Composer, overrides: list[str]) -> int:
    jobs, stop = composer.jobs(overrides, lambda cell: _prepare(composer, overrides, cell)), Stop()
    places = {cell.settings.outputs for _, cell in jobs} or {composer.sweep_config(overrides).outputs}
    from resexp.console.matrix import Matrix, conclusion
    from resexp.console.sweep import SweepView

    with SweepView([cell for _, cell in jobs], stop) as view:
        swept = sweep(composer, overrides, jobs, view.callback_for, stop)
    results = swept.results
    console = tables.console()
    console.print(Matrix(results))
    tuning = jobs[0][1].settings.tuning_seeds if jobs else None
    if tuning:
        console.print(tables.tuned(choose_rates(results, tuning), tuning))
    console.print(conclusion(results))
    code = _close(results, min(places))
    if swept.error:
        print(f"resexp: the sweep ended early: {swept.error}", file=sys.stderr)
    return 1 if swept.error else code


def _prepare(composer: Composer, overrides: list[str], cell: Cell) -> None:
    """Let the workers' torch be imported while the other cells are composed, if this one will need it."""
    if launches_here(composer, overrides) and not finished(cell):
        warm()


def _dry_run(composer: Composer, overrides: list[str], multirun: bool) -> int:
    cells = [cell for _, cell in composer.jobs(overrides)] if multirun else [composer.cell(overrides)]
    left = missing(cells)
    tables.console().print(tables.plan(cells, left))
    if left:
        launcher = composer.sweep_config(overrides).hydra.launcher if multirun else {"workers": 1}
        try:
            found = estimate(left, launcher.get("workers", "auto"), launcher.get("threads", "auto"))
        except InputError:
            raise
        except Exception as error:  # whatever the cells do when they are tried
            print(f"resexp: no estimate: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
        print(tables.estimate_text(**asdict(found)))
    return 0


def _close(results: list[CellResult], outputs: str) -> int:
    """Name the failures and the next command; the exit code."""
    failed = tables.failures(results)
    for line in failed:
        print(line, file=sys.stderr)
    print(f"next      {tables.command()} tensorboard{tables.place(outputs)}")
    return 1 if failed else 0


def _train_args(argv: list[str]) -> tuple[Namespace, ArgumentParser]:
    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    parser.add_argument("--dry-run", action="store_true", help="the cells, and what they will take")
    args = parser.parse_intermixed_args(argv)
    for flag, value in (("--config-path", args.config_path), ("--experimental-rerun", args.experimental_rerun)):
        if value is not None:
            raise InputError(f"{flag} is not supported; --config-dir DIR adds your own options")
    for flag, value in (("--resolve", args.resolve), ("--package", args.package)):
        if value and not args.cfg:
            raise InputError(f"{flag} goes with --cfg")
    return args, parser


def _inspect(composer: Composer, args: Namespace, parser: ArgumentParser, overrides: list[str]) -> None:
    """--help, --hydra-help, --cfg and --info, by Hydra."""
    hydra, name = composer.hydra, composer.config_name
    args.overrides = overrides
    if args.help:
        hydra.app_help(name, parser, args)
    elif args.hydra_help:
        hydra.hydra_help(name, parser, args)
    elif args.cfg:
        hydra.show_cfg(name, overrides, args.cfg, args.package, args.resolve)
    else:
        hydra.show_info(args.info, name, overrides)
