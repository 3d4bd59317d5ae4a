"""The command `probe`: measurements of networks at initialization."""

from argparse import Namespace

from rich.console import Group

from resexp.config.compose import Composer
from resexp.console.probe import ProbeList, ProbeView
from resexp.console.terminal import console
from resexp.record.files import json_text


def run(args: Namespace) -> int:
    """Probe the networks of a command line; return the exit code."""
    composer = Composer(args.config_dir)
    overrides = composer.normalize(args.overrides)
    is_sweep = args.multirun or composer.is_sweep(overrides)
    cells = composer.cells(overrides, is_sweep=is_sweep)
    from resexp.cells.probe import probe_cell  # imports torch

    probes = [probe_cell(cell) for cell in cells]
    if args.json:
        print(json_text([probe.to_json() for probe in probes]))
    else:
        console().print(ProbeList(probes) if is_sweep else Group(*map(ProbeView, probes)))
    return 0
