"""The command `completion`, and the candidates that the shells ask for."""

import contextlib
import io
import sys
from argparse import Namespace
from collections.abc import Sequence

from resexp.cli.main import COMMANDS
from resexp.cli.parsers import SHELLS, parser
from resexp.config.compose import Composer
from resexp.config.errors import InputError, nearest
from resexp.config.hydra_private import BashCompletion, FishCompletion, override_candidates
from resexp.config.settings import SETTINGS

ZSH_PRELUDE = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"
"""Makes zsh understand bash's completion functions."""


def run(args: Namespace) -> int:
    """Print the script that a shell evaluates; return the exit code."""
    if args.shell not in SHELLS:
        raise InputError(f"no completion for {args.shell}{nearest(args.shell, SHELLS)}")
    sys.argv[0] = "resexp"  # Hydra completes the command of this name
    plugin = FishCompletion if args.shell == "fish" else BashCompletion
    with contextlib.redirect_stdout(io.StringIO()) as script:
        plugin(Composer().loader).install()
    print((ZSH_PRELUDE if args.shell == "zsh" else "") + script.getvalue())
    return 0


def candidates(words: Sequence[str]) -> list[str]:
    """Return the completions of the last of `words`, those of a command line behind `resexp`."""
    command, last = (words or [""])[0], (words or [""])[-1]
    if len(words) <= 1:
        return [name for name in COMMANDS if name.startswith(command)]
    if last.startswith("-") and command in COMMANDS:
        return [flag for flag in parser(command).flags if flag.startswith(last)]
    match command:
        case "train" | "depth" | "probe":
            return _overrides(words[1:])
        case "runs" | "compare" if last:
            return _overrides([last])  # a filter looks like an override
        case "completion":
            return [*SHELLS]
    return []  # the shell completes paths


def _overrides(words: Sequence[str]) -> list[str]:
    """Return the completions of an override: words of a setting, or what Hydra knows of groups and keys."""
    key, equals, _ = words[-1].lstrip("+").partition("=")
    if equals and key in SETTINGS and SETTINGS[key].metadata["type"].words:
        return [f"{key}={word}" for word in SETTINGS[key].metadata["type"].words]
    loader = Composer().loader
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            completions = override_candidates(loader, " ".join(words))
        except (SystemExit, Exception):
            return []  # an unfinished line that does not parse
    return [word for word in completions if not word.startswith("hydra")]
