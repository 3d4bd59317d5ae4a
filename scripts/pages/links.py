"""Links between pages and files of the repository."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.pages.markdown import anchors, prose

LINK = re.compile(r"\]\(([^)\s]+)\)|\b(?:src|href)=\"([^\"]+)\"")


def dead(page: Path) -> Iterator[str]:
    """Yield a line for each relative link of `page` without its file or anchor. No network is used."""
    for match in LINK.finditer(prose(page.read_text())):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"dead link {target}"
        elif anchor and (file.suffix != ".md" or anchor not in anchors(file.read_text())):
            yield f"dead link {target}: no such heading"
