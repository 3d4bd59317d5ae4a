"""Tab completion: Hydra's shell functions, its knowledge of groups and keys, and before them our verbs."""

import contextlib
import io
import os
import sys
from collections.abc import Mapping

from resexp.config.compose import Composer
from resexp.config.hydra_private import BashCompletion, FishCompletion, override_candidates
from resexp.config.settings import SETTINGS

ZSH = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"


def install(shell: str) -> str:
    """The script that a shell evaluates."""
    sys.argv[0] = "resexp"  # Hydra names the function's command after it
    plugin = FishCompletion if shell == "fish" else BashCompletion
    with contextlib.redirect_stdout(io.StringIO()) as script:
        plugin(Composer().loader).install()
    return (ZSH if shell == "zsh" else "") + script.getvalue()


def query(verbs: tuple[str, ...], flags: Mapping[str, tuple[str, ...]], separator: str) -> str:
    """The candidates for the last word of $COMP_LINE."""
    words = os.environ.get("COMP_LINE", "").split(" ")[1:]
    command, last = (words or [""])[0], (words or [""])[-1]
    if len(words) <= 1:
        found = [v for v in verbs if v.startswith(command)]
    elif last.startswith("-"):
        found = [f for f in flags.get(command, ()) if f.startswith(last)]
    elif command in ("train", "depth", "probe"):
        found = _overrides(words[1:])
    elif command in ("runs", "compare"):
        found = _overrides([last]) if last else []  # filters look like overrides, and the shell completes paths
    elif command == "completion":
        found = ["bash", "zsh", "fish"]
    else:
        found = []  # the shell completes files
    return separator.join(found)


def _overrides(words: list[str]) -> list[str]:
    key, equals, _ = words[-1].lstrip("+").partition("=")
    if equals and key in SETTINGS and SETTINGS[key].metadata["type"].words:
        return [f"{key}={word}" for word in SETTINGS[key].metadata["type"].words]
    loader = Composer().loader
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            found = override_candidates(loader, " ".join(words))
        except (SystemExit, Exception):
            return []  # a half-typed line that does not parse has no candidates
    return [word for word in found if not word.startswith("hydra")]
