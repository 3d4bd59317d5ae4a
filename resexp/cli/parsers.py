"""The arguments of each command. Imports no command, so that help and tab completion are quick."""

from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

from typing_extensions import override

from resexp.config.errors import InputError

DEPTH_EPILOG = """\
OVERRIDES are those of resexp train; each combination of comma-separated values is an arm with a search of its own.
depth= bounds the search: depth=512 searches up to 512, depth=8,512 from 8 to 512; the default is 4 to 256. Of several
values of optimizer.lr, the search chooses the best at each depth on the tuning_seeds and tests it on other seeds; the
default is 0.3, 1 and 3 times the optimizer's own rate (3e-4, 1e-3 and 3e-3 for adamw). A single value is used as it
is. seeds=N is the number of test seeds at the depths that decide [8]. Finished cells are reused, so the same command
resumes an interrupted search."""
COMPARE_EPILOG = """\
A and B are filters, for example norm=pre, 'norm=pre,depth>=24' or arm=pre+residual. Cells are matched by every key
that does not distinguish A from B, replicates by their seed. If cells differ in optimizer.lr, each arm is compared at
its best learning rate, chosen on the tuning seeds. Comparing residual=on with residual=off, or two norms, also prints
the factorial of residual × norm."""

SHELLS = ("bash", "zsh", "fish")


class CommandParser(ArgumentParser):
    """A parser that raises InputError for bad arguments instead of printing its usage and exiting."""

    @override
    def error(self, message: str) -> NoReturn:
        raise InputError(message)

    @property
    def flags(self) -> list[str]:
        """The long flags that `--help` lists."""
        shown = [action for action in self._actions if action.help != SUPPRESS]
        return sorted(flag for action in shown for flag in action.option_strings if flag.startswith("--"))


def parser(command: str) -> CommandParser:
    """Return the parser of a command, a key of `PARSERS`."""
    return PARSERS[command]()


def _train() -> CommandParser:
    """Extend Hydra's own parser; `train` checks the flags that are hidden here."""
    from resexp.config.hydra_private import get_args_parser

    parser = CommandParser(prog="resexp train", parents=[get_args_parser()], add_help=False)
    parser.add_argument("--dry-run", action="store_true", help="list the cells and estimate their time and memory")
    offered = {"cfg", "config_dir", "config_name", "dry_run", "help", "hydra_help", "info", "multirun"}
    for action in parser._actions:
        action.help = action.help if action.dest in offered else SUPPRESS
    return parser


def _depth() -> CommandParser:
    about = "Search for the trainable depth D50 of each arm, the depth at which half of its seeds train."
    parser = _command("depth", about, DEPTH_EPILOG)
    _add_overrides(parser, "accepted as in resexp train; not needed here")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print a list with one object per arm")
    output.add_argument("--dry-run", action="store_true", help="print the first cells and an upper bound of the cost")
    return parser


def _probe() -> CommandParser:
    parser = _command("probe", "Measure networks at initialization, without training them.")
    _add_overrides(parser, "probe every combination of values; one line per network")
    parser.add_argument("--json", action="store_true", help="print a list with one object per network")
    return parser


def _runs() -> CommandParser:
    parser = _command("runs", "List the cells of outputs directories.")
    words = "for example norm=pre, 'depth>=24' or other/outputs [outputs]"
    parser.add_argument("words", nargs="*", metavar="FILTER or PATH", help=words)
    order = parser.add_mutually_exclusive_group()
    order.add_argument("--best", metavar="METRIC", help="sort best first: lowest loss or time, highest accuracy")
    order.add_argument("--sort", metavar="KEY", help="sort by a key, a mean over seeds (loss_train, …) or seconds")
    parser.add_argument("--reverse", action="store_true", help="reverse the order")
    parser.add_argument("--json", action="store_true", help="print a list with one object per cell")
    parser.add_argument("--csv", action="store_true", help="print one row per cell: settings, verdicts, mean results")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="write the same rows, typed, to a Parquet file")
    return parser


def _compare() -> CommandParser:
    parser = _command(
        "compare", "Compare the cells that match A with those that match B, paired by seed.", COMPARE_EPILOG
    )
    parser.add_argument("a", metavar="A", help="filter of the first set of cells")
    parser.add_argument("b", metavar="B", help="filter of the second set of cells")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="outputs directories or parts [outputs]")
    parser.add_argument("--by", metavar="KEY", help="one row per value of KEY, averaged over all other keys")
    parser.add_argument("--json", action="store_true", help="print one object with all numbers")
    return parser


def _report() -> CommandParser:
    parser = _command(
        "report", "Write the results of a sweep as one HTML page, with its figures in a folder beside it."
    )
    path = "an outputs directory, the manifest of a sweep, or a cell [the last sweep in outputs/]"
    parser.add_argument("path", nargs="?", type=Path, metavar="PATH", help=path)
    output = "file to write [report.html in the outputs directory]"
    parser.add_argument("--output", type=Path, metavar="FILE", help=output)
    return parser


def _tensorboard() -> CommandParser:
    parser = _command("tensorboard", "Serve the curves to browsers on this machine until Ctrl-C.")
    parser.add_argument(
        "directory", nargs="?", type=Path, default=Path("outputs"), metavar="DIR", help="directory of results [outputs]"
    )
    parser.add_argument("--port", type=int, help="0: any free port [6006, or the next free one]")
    return parser


def _completion() -> CommandParser:
    parser = _command("completion", 'Print the tab completion of a shell, for: eval "$(resexp completion bash)".')
    parser.add_argument("shell", metavar="|".join(SHELLS))
    return parser


def _command(name: str, about: str, epilog: str | None = None) -> CommandParser:
    return CommandParser(prog=f"resexp {name}", description=about, epilog=epilog, allow_abbrev=False)


def _add_overrides(parser: CommandParser, multirun: str) -> None:
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDES", help="as in resexp train")
    parser.add_argument("-m", "--multirun", action="store_true", help=multirun)
    parser.add_argument("--config-dir", metavar="DIR", help="your own options: DIR/GROUP/OPTION.yaml")


PARSERS: Mapping[str, Callable[[], CommandParser]] = MappingProxyType(
    {
        "train": _train,
        "depth": _depth,
        "probe": _probe,
        "runs": _runs,
        "compare": _compare,
        "report": _report,
        "tensorboard": _tensorboard,
        "completion": _completion,
    }
)
