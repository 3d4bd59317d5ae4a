"""Architecture of the package, from the layers that import-linter enforces: a table and a picture."""

import ast
import functools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = "resexp/architecture.svg"
WIDTH, ROW, GAP, LEFT, NAME = 900, 28, 5, 34, 150
COLORS = ("#dbeafe", "#e0f2fe", "#dcfce7", "#fef9c3", "#ffedd5")
"""Fills of the boxes, from the commands at the top to the helpers at the bottom."""


@dataclass(frozen=True)
class Room:
    """A package or module of a layer.

    Attributes:
        name: its name below resexp.
        purpose: the first paragraph of its docstring.
        modules: the modules in it.

    """

    name: str
    purpose: str
    modules: tuple[str, ...]


def layers(root: Path = ROOT) -> list[list[str]]:
    """Return the layers of the import contract, the top one first; packages side by side share a layer."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    contract = next(c for c in contracts if c["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def rooms(root: Path = ROOT) -> Iterator[Room]:
    """Yield the packages and modules of all layers."""
    for name in (name for layer in layers(root) for name in layer):
        folder = root / "resexp" / name
        files = sorted(f.stem for f in folder.glob("*.py") if f.stem != "__init__")
        subpackages = sorted(f"{d.parent.name}/" for d in folder.glob("*/__init__.py"))
        yield Room(name, purpose(folder), (*files, *subpackages))


@functools.cache
def purpose(path: Path) -> str:
    """Return the first paragraph of the docstring of a package or module."""
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return " ".join((ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n\n")[0].split())


def picture(root: Path = ROOT) -> str:
    """Draw the layers as an SVG, one row each, with an arrow in the direction of imports."""
    rows = layers(root)
    height = len(rows) * (ROW + GAP) + GAP + 20
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="system-ui, sans-serif" font-size="12">',
        "<title>Layers of resexp; each imports only layers below it</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>',
        f'<path d="M17 {GAP + 6}V{height - 32}m-5 -8l5 9l5 -9" fill="none" stroke="#64748b" stroke-width="2"/>',
        f'<text x="{LEFT}" y="{height - 9}" fill="#64748b">Each layer imports only layers below it.</text>',
    ]
    for i, names in enumerate(rows):
        y, fill = GAP + i * (ROW + GAP), COLORS[i * len(COLORS) // len(rows)]
        about = "  ·  ".join(short(purpose(root / "resexp" / name)) for name in names)
        out += [
            f'<rect x="{LEFT}" y="{y}" width="{WIDTH - LEFT - GAP}" height="{ROW}" rx="4" fill="{fill}"/>',
            f'<text x="{LEFT + 10}" y="{y + 18}" font-weight="600" fill="#0f172a">{escape(" · ".join(names))}</text>',
            f'<text x="{LEFT + NAME}" y="{y + 18}" fill="#334155">{escape(about)}</text>',
        ]
    return "\n".join([*out, "</svg>", ""])


def short(text: str) -> str:
    """Return the first sentence of a text, up to a colon or parenthesis if it is long."""
    sentence = text.replace("`", "").partition(". ")[0].rstrip(".")
    return sentence if len(sentence) <= 100 else sentence.partition(": ")[0].partition(" (")[0]
