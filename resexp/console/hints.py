"""Commands and paths as the user would type them."""

import os
import shlex
from pathlib import Path


def resexp_command(arguments: str, outputs: str = "outputs") -> str:
    """Return a command line of this program, with the outputs directory unless it is the default.

    The environment variable RESEXP_COMMAND holds the name by which the user calls the program [resexp].
    """
    words = [os.environ.get("RESEXP_COMMAND", "resexp"), arguments]
    return " ".join(words if outputs == "outputs" else [*words, shlex.quote(outputs)])


def shown_path(path: str | Path) -> str:
    """Return a path relative to the working directory if it is inside it."""
    absolute = Path(path)
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
