"""Commands that pages show: resexp must accept each of them.

Arguments are parsed as on the command line and configurations are composed, but nothing is trained or read. A
command with an ellipsis or a word in capitals that stands for something, such as DIR, is a pattern and is not checked.
"""

import ast
import contextlib
import functools
import importlib
import io
import math
import os
import re
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import resexp
from resexp.cli.main import main
from resexp.config.compose import Composer
from resexp.config.errors import InputError, nearest
from resexp.record.filters import is_filter, parse_filter
from scripts.pages.markdown import CodeBlock, code_blocks, inline_code
from scripts.pages.tables import columns

COMMAND = re.compile(r"(?:scripts/)?resexp +(.+)")
SCRIPT = re.compile(r"(scripts/(?!resexp\b)[\w/.]+|\.ci/run)(?: +(.*))?")
PATTERN = re.compile(r"…|\[|\.\.\.|\b[A-Z]{2,}\b")
SMALL = 6
"""Sweeps up to this size are composed as a whole; of larger ones, all values are checked and one cell is composed."""


class Parsed(BaseException):
    """The arguments of a command, raised as soon as they are parsed."""

    def __init__(self, arguments: Namespace) -> None:
        super().__init__()
        self.arguments = arguments


class Composed(BaseException):
    """The first cell of a sweep is composed."""


def refused(text: str, root: Path) -> Iterator[str]:
    """Yield a line for each command of a page that resexp refuses.

    Files that the page shows, such as a user's own option, are written to a scratch directory first.
    """
    blocks = [*code_blocks(text)]
    commands = [line for block in blocks if block.language in ("", "sh", "bash") for line in logical_lines(block.text)]
    with scratch_directory():
        for block in blocks:
            write_shown_file(block)
        for command in dict.fromkeys([*commands, *inline_commands(text)]):
            problem = problem_of(command.strip(), root)
            if problem:
                yield f"refused: {command.strip()}: {problem}"
    for block in blocks:
        if block.language == "python":
            yield from python_problems(block.text)


@contextlib.contextmanager
def scratch_directory() -> Iterator[None]:
    """Work in an empty directory whose modules can be imported, and forget these modules afterwards."""
    with TemporaryDirectory() as folder, contextlib.chdir(folder), patch.object(sys, "path", [folder, *sys.path]):
        before = {*sys.modules}
        importlib.invalidate_caches()
        yield
        for name in {*sys.modules} - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(folder):
                del sys.modules[name]


def inline_commands(text: str) -> Iterator[str]:
    """Yield inline code with arguments, except on lines about refusals and completion, which show wrong commands."""
    for line in text.splitlines():
        if not re.search("refuse|completion", line):
            yield from (code for code in inline_code(line) if len(code.split()) > 2)


def logical_lines(text: str) -> list[str]:
    """Return the lines of a shell block; a backslash at the end of a line continues it."""
    return re.sub(r"\\\n\s*", "", text).splitlines()


def write_shown_file(block: CodeBlock) -> None:
    """Write a Python or YAML block to the file that the paragraph before it names, if it names one."""
    names = re.findall(r"`([\w/]+\.(?:py|yaml))`", block.paragraph)
    if names and block.language in ("python", "yaml"):
        file = Path(names[-1])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)


def problem_of(line: str, root: Path) -> str | None:
    """Return why a command would be refused, or None if it is accepted, a pattern or no command of this project."""
    line = re.sub(r"^\$ |(^| +)#.*| +[|>].*", "", line)
    command, script = COMMAND.fullmatch(line), SCRIPT.fullmatch(line)
    if script and not PATTERN.search(line):
        return script_problem(root / script[1], (script[2] or "").split())
    if not command or PATTERN.search(re.sub(r"'[^']*'", "", line)):
        return None
    try:
        return resexp_problem(shlex.split(command[1]))
    except ValueError as error:
        return str(error)


def script_problem(file: Path, words: Sequence[str]) -> str | None:
    """Return why a script cannot be run: it does not exist, or a benchmark has no such name."""
    if not file.exists():
        return "no such file"
    if file.parent.name == "bench" and file.name == "run" and words and not words[0].startswith("-"):
        return None if (file.parent / f"{words[0]}.py").is_file() else f"no such benchmark: {words[0]}"
    return None


@functools.cache
def composer(config_dir: str | None) -> Composer:
    """Return the composer of a directory of options."""
    return Composer(config_dir)


def resexp_problem(argv: list[str]) -> str | None:
    """Return the message with which resexp would refuse its arguments."""
    if argv[0] in ("--help", "--version", "help"):
        return None
    try:
        arguments = parsed(argv)
        if arguments is not None:
            check(argv[0], arguments)
    except InputError as error:
        return str(error)
    return None


def parsed(argv: list[str]) -> Namespace | None:
    """Parse the arguments of a command as `main` does; None if it is one that only prints."""

    def and_stop(parse: Any) -> Any:
        def wrapped(parser: ArgumentParser, args: Sequence[str] | None = None) -> None:
            raise Parsed(parse(parser, args))

        return wrapped

    methods = {name: and_stop(getattr(ArgumentParser, name)) for name in ("parse_args", "parse_intermixed_args")}
    output = io.StringIO()
    try:
        with (
            patch.multiple(ArgumentParser, **methods),
            contextlib.redirect_stderr(output),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            code = main(argv)
    except Parsed as stop:
        return stop.arguments
    except SystemExit as stop:  # argparse has printed a help text
        code = int(stop.code or 0)
    if code:
        raise InputError(output.getvalue().strip().removeprefix("resexp: "))
    return None


def check(command: str, arguments: Namespace) -> None:
    """Compose what a command asks for, or check its filters. Raises InputError."""
    if command in ("train", "probe", "depth"):
        known = composer(os.path.abspath(arguments.config_dir) if arguments.config_dir else None)
        overrides = known.normalize(arguments.overrides)
        if command == "depth":
            from resexp.sweeps.arm_search import arm_searches

            arm_searches(known, overrides)
        elif arguments.multirun or known.is_sweep(overrides):
            compose_sweep(known, overrides)
        else:
            known.cell(overrides)
    elif command in ("runs", "compare"):
        words = arguments.words if command == "runs" else (arguments.a, arguments.b)
        for word in words:
            check_filter(word, must_be_filter=command == "compare")
        for key in (getattr(arguments, name, None) for name in ("best", "sort", "by")):
            check_key(key)


def compose_sweep(known: Composer, overrides: list[str]) -> None:
    """Compose a small sweep as a whole; of a larger one, check every value and compose the first cell."""

    def stop(cell: object) -> None:
        raise Composed

    is_large = known.is_sweep(overrides) or math.prod(o.count(",") + 1 for o in overrides) > SMALL
    with contextlib.suppress(Composed):
        known.jobs(overrides, *([stop] if is_large else []))


def check_filter(word: str, *, must_be_filter: bool) -> None:
    """Raise InputError if a word is a filter with an unknown key, or is none and has to be one."""
    if must_be_filter or is_filter(word):
        for term in parse_filter(word):
            check_key(term.key)


def check_key(key: str | None) -> None:
    """Raise InputError if a key is neither one of the configuration nor a column of the frame of cells."""
    checker = composer(None).checker
    shown = {name for row in columns()[1] for name in re.findall(r"`([^`]+)`", row[1])}
    if key is not None and key.partition(".")[0] not in (*checker.keys, *shown):
        raise InputError(f"unknown key {key}{nearest(key, [*checker.keys, *shown])}")


def python_problems(text: str) -> Iterator[str]:
    """Yield a line if a Python block does not compile, or uses a public name that resexp does not have."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield f"Python block: {error}"
        return
    attributes = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
    for name in (n.attr for n in attributes if n.value.id == "resexp"):  # type: ignore[attr-defined]
        if not hasattr(resexp, name):
            yield f"Python block: resexp has no {name}"
