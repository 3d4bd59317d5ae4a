"""Tables of the pages, generated from the settings, the YAML files of conf/ and docstrings.

A page holds a table between `<!-- table: NAME -->` and `<!-- end -->`; NAME is a key of `TABLES`, or a prefix of
`GROUP_TABLES` and its argument, such as `options residual`.
"""

import ast
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import yaml

from resexp.config.settings import SETTINGS, conf_dir
from scripts.pages.architecture import rooms
from scripts.pages.markdown import INLINE

MARKED = re.compile(r"(<!-- table: ([^>]+?) -->\n).*?(<!-- end -->)", re.S)
ARXIV = re.compile(r"\b((?:0[7-9]|[12]\d)(?:0[1-9]|1[0-2])\.\d{4,5})\b")
META = ("_target_", "needs", "work", "defaults")


def fill(text: str) -> str:
    """Return a page with its tables generated anew."""
    return MARKED.sub(lambda match: f"{match[1]}{table(match[2])}{match[3]}", text)


def stale(text: str) -> Iterator[str]:
    """Yield a line for each table of a page that differs from what would be generated."""
    for match in MARKED.finditer(text):
        try:
            if match[0] != f"{match[1]}{table(match[2])}{match[3]}":
                yield f"table {match[2]!r} is out of date; run scripts/docs"
        except KeyError:
            yield f"no such table: {match[2]!r}"


@functools.cache
def table(name: str) -> str:
    """Return the Markdown of a table. Raises KeyError if there is none of that name."""
    prefix, _, argument = name.partition(" ")
    header, rows = GROUP_TABLES[prefix](argument) if argument else TABLES[name]()
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


Table = tuple[list[str], Iterable[list[str]]]


def settings() -> Table:
    """Settings of a cell: default, admissible values, meaning; † if the value is no part of a cell's identity."""
    rows = []
    for name, field in SETTINGS.items():
        about = field.metadata
        mark = "" if about["identity"] else " †"
        rows.append(
            [f"`{name}`{mark}", f"`{shown(field.default)}`", plain(about["type"].expects), plain(about["help"])]
        )
    return ["setting", "default", "values", "meaning"], rows


def choices() -> Table:
    """Groups of options: their names, the default first, and the keys that the options have."""
    defaults = default_choices()
    rows = []
    for group in (*defaults, "sweep", "experiment"):
        names = options_of(group)
        keys = dict.fromkeys(key for name in names for key in own_keys(group, name)) if group in defaults else {}
        listed = ", ".join(f"`{name}`" for name in names)
        rows.append([f"`{group}`", listed, ", ".join(f"`{key}`" for key in keys)])
    return ["group", "options", "keys of the options"], rows


def options(group: str) -> Table:
    """Options of a group: definition, keys with defaults, and what they need.

    The definition is the docstring of the class in resexp.nn, or the first comment of the YAML file.
    """
    rows = []
    for name in options_of(group):
        content = load(f"{group}/{name}")
        target = str(content.get("_target_", ""))
        text = definition(target) if target.startswith("resexp.nn.") and group != "norm" else comment(f"{group}/{name}")
        keys = ", ".join(f"`{key}={shown(value)}`" for key, value in own_keys(group, name).items())
        needs = content.get("needs") or {}
        wanted = "; ".join(" or ".join(f"`{other}={o}`" for o in some) for other, some in needs.items())
        rows.append([f"`{name}`", text, keys, wanted])
    header = [f"`{group}`", "definition", "keys and defaults", "needs"]
    used = [i for i in range(4) if i < 2 or any(row[i] for row in rows)]
    return [header[i] for i in used], [[row[i] for i in used] for row in rows]


def placements() -> Table:
    """Norm placements: which of the three positions around a branch hold the normalizer."""
    positions = ("pre", "inner_post", "post")
    marks = {name: ["✓" if load(f"norm/{name}")[p] else "" for p in positions] for name in options_of("norm")}
    rows = [[f"`{name}`", *marks[name], comment(f"norm/{name}")] for name in marks]
    return ["`norm`", *(f"`{p}`" for p in positions), "definition"], rows


def sweeps() -> Table:
    """Named sweeps and what they ask."""
    return ["sweep", "what it trains"], [[f"`+sweep={n}`", comment(f"sweep/{n}")] for n in options_of("sweep")]


def keys(option: str) -> Table:
    """Keys of one option with the comments of its YAML file."""
    lines = (conf_dir() / f"{option}.yaml").read_text().splitlines()
    pattern = re.compile(r"([a-z]\w*): +(.*?) +# (.+)")
    rows = [[f"`{m[1]}`", f"`{m[2]}`", plain(m[3])] for m in map(pattern.match, lines) if m]
    return ["key", "default", "meaning"], rows


def diagnostics() -> Table:
    """Quantities of diagnostics, from the docstrings of their functions."""
    levels = {name: load(f"diagnostics/{name}") for name in ("light", "full")}
    expensive, documentation = levels["full"]["expensive"], quantities()
    names = [*levels["full"]["quantities"], *expensive]
    rows = []
    for name in [*names, *sorted(documentation.keys() - {*names})]:
        level = "`light`" if name in levels["light"]["quantities"] else "`full`" if name in names else "on request"
        rows.append([f"`{name}`", f"{level} *" if name in expensive else level, *documentation[name]])
    return ["quantity", "level", "definition", "shape", "unit", "cost", "reference"], rows


def quantities() -> dict[str, list[str]]:
    """Return definition, shape, unit, cost and reference of each quantity."""
    files = sorted(package("resexp.diagnostics.quantities").glob("[!_]*.py"))
    functions = (n for file in files for n in ast.parse(file.read_text()).body if isinstance(n, ast.FunctionDef))
    documented = {f.name: ast.get_docstring(f) or "" for f in functions if not f.name.startswith("_")}
    field = re.compile(r"^(?:Shape|Unit|Cost|Reference): ", re.M)
    return {name: [plain(part).removesuffix(".") for part in field.split(text)] for name, text in documented.items()}


def columns() -> Table:
    """Columns of the data frames of `resexp.load`, from its docstring."""
    import resexp

    rows = [line.strip(" |").split(" | ") for line in (resexp.load.__doc__ or "").splitlines() if "| " in line]
    header, _, *body = [[cell.strip() for cell in row] for row in rows]
    return header, body


def definition(target: str) -> str:
    """Return the docstring of a class or function as one paragraph, without its sections of arguments and errors."""
    module, _, name = target.rpartition(".")
    tree = ast.parse(source(module).read_text())
    nodes = (n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name == name)
    text = ast.get_docstring(next(nodes)) or ""
    return plain(re.split(r"\n\n(?:Args|Raises|Attributes):", text)[0])


def source(module: str) -> Path:
    """Return the file of a module without importing it."""
    folder, _, name = module.rpartition(".")
    return package(folder) / f"{name}.py"


def package(name: str) -> Path:
    """Return the folder of a package below resexp."""
    spec = find_spec(name.partition(".")[0])
    assert spec
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0], *name.split(".")[1:])


def load(option: str) -> dict[str, object]:  # type: ignore[type-arg]
    """Read a YAML file of conf/."""
    return yaml.safe_load((conf_dir() / f"{option}.yaml").read_text()) or {}


def default_choices() -> dict[str, str]:
    """Return the default option of each group that every cell chooses from."""
    defaults = {str(k): v for entry in load("config")["defaults"] if isinstance(entry, dict) for k, v in entry.items()}
    return {group: on_off(str(name)) for group, name in defaults.items() if " " not in group and "/" not in group}


def options_of(group: str) -> list[str]:
    """List the options of a group, the default first."""
    names = sorted(file.stem for file in (conf_dir() / group).glob("*.yaml"))
    return sorted(names, key=lambda name: name != default_choices().get(group))


def own_keys(group: str, name: str) -> dict[str, object]:
    """Return the keys of an option that a user sets."""
    return {key: value for key, value in load(f"{group}/{name}").items() if key not in META}


def comment(option: str) -> str:
    """Return the first comment of a YAML file that is no directive."""
    lines = (conf_dir() / f"{option}.yaml").read_text().splitlines()
    texts = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            texts.append(line.removeprefix("#").strip())
    return plain(" ".join(texts))


def on_off(text: str) -> str:
    """Return the option that YAML reads as a boolean."""
    return {"True": "on", "False": "off"}.get(text, text)


def shown(value: object) -> str:
    """Return a value as it is written in an override."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(shown, value))}]"
    return str(value)


def plain(text: str) -> str:
    """Return a text as one line of Markdown, with links to arXiv and no accidental markup."""
    line = re.sub(r"\s+", " ", text).strip()
    parts = INLINE.split(line)  # every second part is inline code
    for i in range(0, len(parts), 2):
        escaped = parts[i].replace("*", r"\*").replace("<", "&lt;")
        parts[i] = ARXIV.sub(r"[\1](https://arxiv.org/abs/\1)", escaped)
    return "".join(part if i % 2 == 0 else f"`{part}`" for i, part in enumerate(parts))


def room_table() -> Table:
    """Packages, layer by layer, with the modules in each."""
    header = ["package", "what it holds", "modules"]
    return header, [[f"`{r.name}`", plain(r.purpose), " ".join(f"`{m}`" for m in r.modules)] for r in rooms()]


TABLES: dict[str, Callable[[], Table]] = {
    "settings": settings,
    "choices": choices,
    "placements": placements,
    "sweeps": sweeps,
    "diagnostics": diagnostics,
    "columns": columns,
    "packages": room_table,
}
GROUP_TABLES: dict[str, Callable[[str], Table]] = {"options": options, "keys": keys}
