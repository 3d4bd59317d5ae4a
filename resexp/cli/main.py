"""The command: verbs, their flags, exit codes. Heavy imports wait for the command that needs them."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resexp.config.errors import InputError, nearest, refuse

if TYPE_CHECKING:
    from argparse import ArgumentParser


HELP = """resexp: see how residual connections and normalization decide whether a deep network trains

  resexp train [OVERRIDES]       train a cell, all its seeds at once; -m: a sweep of cells
  resexp depth [OVERRIDES]       search for the depth to which each arm trains, with its interval
  resexp probe [OVERRIDES]       look into a network without training it: gains per layer, how deep it may go
  resexp runs [FILTER…] [PATH…]  list what is in outputs/, as in depth=48 norm=pre
  resexp compare A B [PATH…]     what the runs say of A against B, as in norm=pre norm=none
  resexp report [PATH]           write what the last sweep found as an HTML page
  resexp tensorboard [DIR]       watch the curves in a browser
  resexp completion SHELL        print the tab completion for bash, zsh or fish

First steps
  resexp train +norm=pre depth=48
  resexp train -m depth=8,48 norm=none,pre,post residual=on,off
  resexp train --help
"""
FLAGS: dict[str, tuple[str, ...]] = {
    "train": ("--cfg", "--config-dir", "--config-name", "--dry-run", "--help", "--hydra-help", "--info", "--multirun"),
    "depth": ("--config-dir", "--dry-run", "--help", "--json", "--multirun"),
    "probe": ("--config-dir", "--help", "--json", "--multirun"),
    "runs": ("--best", "--csv", "--help", "--json", "--parquet", "--reverse", "--sort"),
    "compare": ("--by", "--help", "--json"),
    "report": ("--help", "--output"),
}
"""What tab completion offers."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line. Returns 0 done, 1 some cell failed, 2 bad input, 130 interrupted."""
    given = [*(sys.argv[1:] if argv is None else argv)]
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a character gets a question mark
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        return _dispatch(given)
    except InputError as error:
        line = "".join(c if c.isprintable() else " " for c in str(error))
        print(f"resexp: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("resexp: interrupted; the same command goes on with what is missing", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:
        print(f"resexp: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        return 1


def _dispatch(argv: list[str]) -> int:
    command, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if command in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if command == "--version":
        from importlib.metadata import version

        print(f"resexp {version('resexp')}")
        return 0
    if command in ("-sc", "--shell-completion"):  # what the shell functions that Hydra writes call
        return _complete(rest)
    if command not in COMMANDS:
        hint = f"; did you mean train {command}?" if "=" in command else nearest(command, COMMANDS)
        raise InputError(f"no such command: {command}{hint}")
    code = COMMANDS[command](rest)
    sys.stdout.flush()  # here a closed pipe or a full disk is still an error of ours
    return code


def _parser(command: str, about: str) -> "ArgumentParser":
    from argparse import ArgumentParser

    parser = ArgumentParser(prog=f"resexp {command}", description=about, allow_abbrev=False)
    parser.error = refuse  # type: ignore[method-assign]
    return parser


def _train(argv: list[str]) -> int:
    from resexp.cli.train import run

    return run(argv)


def _depth(argv: list[str]) -> int:
    from resexp.cli.depth import run

    return run(_parser("depth", "Search for the trainable depth D50 of each arm: half of its seeds train there."), argv)


def _probe(argv: list[str]) -> int:
    from resexp.cli.probe import run

    return run(_parser("probe", "Look into networks before training."), argv)


def _runs(argv: list[str]) -> int:
    from resexp.cli.runs import run

    return run(_parser("runs", "List what is in outputs/."), argv)


def _compare(argv: list[str]) -> int:
    from resexp.cli.compare import run

    return run(_parser("compare", "Compare the cells that A means with those that B means, paired by seed."), argv)


def _report(argv: list[str]) -> int:
    parser = _parser("report", "Write what a sweep found as one HTML page, with its figures beside it.")
    about = "an outputs directory, the record of a sweep, or a run [the last sweep in outputs/]"
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help=about)
    parser.add_argument("--output", type=Path, metavar="FILE", help="the page [report.html in the outputs directory]")
    args = parser.parse_args(argv)
    from resexp.report.writing import write_report

    page, figures = write_report(args.path, args.output)
    print(f"report    {page} ({figures} figures beside it, in {page.with_suffix('')}/)")
    return 0


def _tensorboard(argv: list[str]) -> int:
    parser = _parser("tensorboard", "Serve the curves on this machine only, until Ctrl-C.")
    parser.add_argument("directory", nargs="?", type=Path, default=Path("outputs"), metavar="DIR")
    parser.add_argument("--port", type=int, help="0: any free one [6006, or the next free one]")
    args = parser.parse_args(argv)
    if not args.directory.is_dir():
        raise InputError(f"{args.directory}: no such directory")
    import threading

    from tensorboard import program

    server = program.TensorBoard()
    port = [] if args.port is None else ["--port", str(args.port)]
    server.configure(["tensorboard", "--logdir", str(args.directory), "--host", "localhost", *port])
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # notes on how it loads its data
            address = server.launch()
    except program.TensorBoardServerException as error:
        raise InputError(str(error.msg)) from None
    print(f"TensorBoard is at {address} (Ctrl-C ends it)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    return 0


def _completion(argv: list[str]) -> int:
    parser = _parser("completion", 'Print the tab completion of a shell, as in eval "$(resexp completion bash)".')
    parser.add_argument("shell", metavar="bash|zsh|fish")
    args = parser.parse_args(argv)
    shells = ("bash", "zsh", "fish")
    if args.shell not in shells:
        raise InputError(f"no completion for {args.shell}{nearest(args.shell, shells)}")
    from resexp.cli.completion import install

    print(install(args.shell))
    return 0


def _complete(argv: list[str]) -> int:
    from resexp.cli.completion import query

    print(query((*COMMANDS,), FLAGS, "\n" if "query=fish" in argv else " "))
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "train": _train,
    "depth": _depth,
    "probe": _probe,
    "runs": _runs,
    "compare": _compare,
    "report": _report,
    "tensorboard": _tensorboard,
    "completion": _completion,
}
