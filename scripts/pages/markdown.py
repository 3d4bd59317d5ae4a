"""Parts of a Markdown page: code blocks, inline code, headings, links."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
INLINE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class CodeBlock:
    """A fenced code block.

    Attributes:
        language: the word behind the opening fence, or "".
        text: the lines between the fences.
        paragraph: the paragraph before the block.

    """

    language: str
    text: str
    paragraph: str


def code_blocks(text: str) -> Iterator[CodeBlock]:
    """Yield the fenced code blocks of a page."""
    for match in FENCE.finditer(text):
        paragraph = text[: match.start()].rstrip().rpartition("\n\n")[2]
        yield CodeBlock(match[1], match[2], paragraph)


def without_blocks(text: str) -> str:
    """Return a page without its fenced code blocks."""
    return FENCE.sub("", text)


def inline_code(text: str) -> list[str]:
    """List the inline code of a page."""
    return INLINE.findall(without_blocks(text))


def prose(text: str) -> str:
    """Return a page without code, in blocks or inline."""
    return INLINE.sub("", without_blocks(text))


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    slugs: Counter[str] = Counter()
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", without_blocks(text), re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{slug}-{slugs[slug]}" if slugs[slug] else slug)
        slugs[slug] += 1
    return found
