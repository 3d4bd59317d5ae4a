"""Generate the tables of the documentation pages, or check the pages: `scripts/docs [--check]`.

`--check` writes nothing. It fails if a generated table or the architecture picture is out of date, if a relative link
or an anchor does not resolve, or if resexp would refuse a command that a page shows.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

from scripts.pages import architecture, commands, links, tables

ROOT = Path(__file__).parents[2]
FOLDERS = (".", ".github", "conf", "outputs/showcase", "resexp", "resexp/*", "scripts/bench")


def pages(root: Path) -> list[Path]:
    """List the Markdown files of the repository."""
    return sorted(page for folder in FOLDERS for page in root.glob(f"{folder}/*.md"))


def update(root: Path) -> list[Path]:
    """Regenerate tables and picture; return the files that changed."""
    contents = {page: tables.fill(page.read_text()) for page in pages(root)}
    contents[root / architecture.PICTURE] = architecture.picture(root)
    changed = [file for file, text in contents.items() if not file.is_file() or file.read_text() != text]
    for file in changed:
        file.write_text(contents[file])
    return changed


def problems(root: Path) -> Iterator[str]:
    """Yield a line for each problem of the pages below `root`."""
    for page in pages(root):
        text, name = page.read_text(), page.relative_to(root)
        for problem in (*tables.stale(text), *links.dead(page), *commands.refused(text, root)):
            yield f"{name}: {problem}"
    picture = root / architecture.PICTURE
    if not picture.is_file() or picture.read_text() != architecture.picture(root):
        yield f"{architecture.PICTURE}: out of date; run scripts/docs"


def main() -> int:
    parser = ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="report problems, write nothing")
    args = parser.parse_args()
    if not args.check:
        for file in update(ROOT):
            print(f"updated {file.relative_to(ROOT)}")
        return 0
    found = [*problems(ROOT)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
