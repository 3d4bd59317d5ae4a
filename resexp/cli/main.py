"""Entry point: dispatch of the commands, and exit codes. A command's module is imported only if it runs."""

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from resexp.config.errors import InputError, nearest

COMMANDS = {
    "train": ("[OVERRIDES]", "train a cell, all seeds at once; -m: every cell of a sweep"),
    "depth": ("[OVERRIDES]", "search for the depth up to which each arm trains, with its interval"),
    "probe": ("[OVERRIDES]", "measure a network without training it: gains per layer, trainable depth"),
    "runs": ("[FILTER…] [PATH…]", "list the cells in outputs/, for example depth=48 norm=pre"),
    "compare": ("A B [PATH…]", "compare two sets of cells, for example norm=pre norm=none"),
    "report": ("[PATH]", "write the results of the last sweep as an HTML page"),
    "tensorboard": ("[DIR]", "show the curves in a browser"),
    "completion": ("SHELL", "print the tab completion for bash, zsh or fish"),
}
"""The arguments and a summary of each command. Its module in `resexp.cli` has `run(args) -> int`."""

TITLE = "resexp: how residual connections and normalization decide whether a deep network trains"
FIRST_STEPS = """\
First steps
  resexp train +norm=pre depth=48
  resexp train -m depth=8,48 norm=none,pre,post residual=on,off
  resexp train --help"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Returns:
        0 if everything is done, 1 if a cell failed, 2 for bad input, 130 if interrupted.

    """
    arguments = [*(sys.argv[1:] if argv is None else argv)]
    for stream in (sys.stdout, sys.stderr):  # a character that the terminal cannot show becomes a question mark
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        return _dispatch(arguments)
    except InputError as error:
        line = "".join(c if c.isprintable() else " " for c in str(error))
        print(f"resexp: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("resexp: interrupted; the same command resumes it", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader closed the pipe: without this, Python would fail again when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:
        print(f"resexp: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        return 1


def help_text() -> str:
    """Return what `resexp --help` prints."""
    usages = [f"resexp {command} {arguments}" for command, (arguments, _) in COMMANDS.items()]
    width = max(map(len, usages)) + 2
    lines = [f"  {usage:{width}}{about}" for usage, (_, about) in zip(usages, COMMANDS.values(), strict=True)]
    return "\n".join([TITLE, "", *lines, "", FIRST_STEPS])


def _dispatch(argv: list[str]) -> int:
    command, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if command in ("-h", "--help", "help"):
        print(help_text())
        return 0
    if command == "--version":
        from importlib.metadata import version

        print(f"resexp {version('resexp')}")
        return 0
    if command in ("-sc", "--shell-completion"):  # called by the shell functions that Hydra generates
        from resexp.cli.completion import candidates

        words = os.environ.get("COMP_LINE", "").split(" ")[1:]
        print(("\n" if "query=fish" in rest else " ").join(candidates(words)))
        return 0
    if command not in COMMANDS:
        hint = f"; did you mean train {command}?" if "=" in command else nearest(command, COMMANDS)
        raise InputError(f"no such command: {command}{hint}")
    from resexp.cli.parsers import parser

    args = parser(command).parse_intermixed_args(rest)
    code: int = import_module(f"resexp.cli.{command}").run(args)
    sys.stdout.flush()  # while a closed pipe or a full disk is still caught by `main`
    return code
