"""The command `train`: a cell or a sweep. Imports torch and scipy only to train."""

import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from resexp.analysis.tuning import choose_rates
from resexp.cells.interrupt import Stop
from resexp.cli.parsers import parser
from resexp.config.cell import Cell
from resexp.config.check import hydra_errors_as_input_errors
from resexp.config.compose import Composer
from resexp.config.errors import InputError, error_text
from resexp.console.hints import resexp_command
from resexp.console.plan import estimate_text, plan_table
from resexp.console.result_text import failure_lines
from resexp.console.tables import rates_table
from resexp.console.terminal import console, print_text
from resexp.launcher.processes import preload
from resexp.record.files import check_writable
from resexp.record.index import finished_result
from resexp.record.result import CellResult
from resexp.sweeps.estimate import cells_to_train, estimate
from resexp.sweeps.sweep import runs_in_this_process, sweep


def run(args: Namespace) -> int:
    """Train the cells of a command line, or show what would be trained; return the exit code."""
    _check_flags(args)
    composer = Composer(args.config_dir, args.config_name)
    overrides = composer.normalize(args.overrides)
    is_sweep = args.multirun or composer.is_sweep(overrides)
    if args.help or args.hydra_help or args.cfg or args.info:
        with hydra_errors_as_input_errors():
            _inspect(composer, args, overrides)
        return 0
    if args.dry_run:
        return _dry_run(composer, overrides, is_sweep)
    return _train_sweep(composer, overrides) if is_sweep else _train_cell(composer, overrides)


def _check_flags(args: Namespace) -> None:
    for flag, value in (("--config-path", args.config_path), ("--experimental-rerun", args.experimental_rerun)):
        if value is not None:
            raise InputError(f"{flag} is not supported; --config-dir DIR adds your own options")
    for flag, value in (("--resolve", args.resolve), ("--package", args.package)):
        if value and not args.cfg:
            raise InputError(f"{flag} needs --cfg")


def _train_cell(composer: Composer, overrides: list[str]) -> int:
    cell, stop = composer.cell(overrides), Stop()
    check_writable(Path(cell.settings.outputs))
    from resexp.cells.run import train
    from resexp.console.live import CellView

    with CellView() as view, stop.on_signals():
        result = train(cell, view, stop=stop)
    code = _finish([result], cell.settings.outputs)
    print(f"          {resexp_command('train -m depth=8,48 norm=none,pre,post residual=on,off')}")
    return code


def _train_sweep(composer: Composer, overrides: list[str]) -> int:
    jobs, stop = composer.jobs(overrides, lambda cell: _warm_workers(composer, overrides, cell)), Stop()
    outputs = min({cell.settings.outputs for _, cell in jobs} or {composer.sweep_config(overrides).outputs})
    from resexp.console.matrix import Matrix, conclusion
    from resexp.console.sweep import SweepView

    with SweepView([cell for _, cell in jobs], stop) as view:
        result = sweep(composer, overrides, jobs, view.callback_for, stop)
    stdout = console()
    stdout.print(Matrix(result.results))
    tuning_seeds = jobs[0][1].settings.tuning_seeds if jobs else None
    if tuning_seeds:
        stdout.print(rates_table(choose_rates(result.results, tuning_seeds), tuning_seeds))
    stdout.print(conclusion(result.results))
    code = _finish(result.results, outputs)
    if result.error:
        print(f"resexp: the sweep ended early: {result.error}", file=sys.stderr)
    return 1 if result.error else code


def _warm_workers(composer: Composer, overrides: list[str], cell: Cell) -> None:
    """Let the workers import torch while the other cells are composed, if this cell has to be trained here."""
    if runs_in_this_process(composer, overrides) and not finished_result(cell):
        preload()


def _dry_run(composer: Composer, overrides: list[str], is_sweep: bool) -> int:
    cells = composer.cells(overrides, is_sweep=is_sweep)
    unfinished = cells_to_train(cells)
    stdout = console()
    stdout.print(plan_table(cells, unfinished))
    if unfinished:
        launcher = composer.sweep_config(overrides).hydra.launcher if is_sweep else {"workers": 1}
        try:
            cost = estimate(unfinished, launcher.get("workers", "auto"), launcher.get("threads", "auto"))
        except InputError:
            raise
        except Exception as error:  # timing a cell runs the user's code
            print(f"resexp: no estimate: {error_text(error)}", file=sys.stderr)
            return 1
        print_text(stdout, estimate_text(**asdict(cost)))
    return 0


def _finish(results: list[CellResult], outputs: str) -> int:
    """Print failures and the next command; return the exit code."""
    failures = failure_lines(results)
    for line in failures:
        print(line, file=sys.stderr)
    print(f"next      {resexp_command('tensorboard', outputs)}")
    return 1 if failures else 0


def _inspect(composer: Composer, args: Namespace, overrides: list[str]) -> None:
    """Let Hydra print what --help, --hydra-help, --cfg or --info asks for."""
    if args.cfg or args.info:
        composer.check_keys(overrides, "--cfg and --info show one configuration; expected one value")
    hydra, name = composer.hydra, composer.config_name
    args.overrides = []  # the help is the same for any overrides, wrong ones included
    if args.help:
        hydra.app_help(name, parser("train"), args)
    elif args.hydra_help:
        hydra.hydra_help(name, parser("train"), args)
    elif args.cfg:
        hydra.show_cfg(name, overrides, args.cfg, args.package, args.resolve)
    else:
        hydra.show_info(args.info, name, overrides)
