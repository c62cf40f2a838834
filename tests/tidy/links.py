"""Links and headings of Markdown files, as a forge resolves them. Start at `find_broken_links`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z+.-]*:")


class Link(NamedTuple):
    """A link within the repository: the path as written ("" for the same file) and the anchor ("" for none)."""

    path: str
    anchor: str


def find_links(text: str) -> list[Link]:
    """Return the links of a Markdown text that lead to files of the repository."""
    targets = LINK.findall(CODE.sub("", FENCE.sub("", text)))
    return [Link(*target.partition("#")[::2]) for target in targets if not ELSEWHERE.match(target)]


def find_anchors(text: str) -> set[str]:
    """Return the anchors of all headings of a Markdown text."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = 0
        anchor = slug
        while anchor in found:
            number += 1
            anchor = f"{slug}-{number}"
        found.add(anchor)
    return found


def find_broken_links(file: Path) -> list[str]:
    """Return the links of a Markdown file, as written, to files, folders or headings that do not exist."""
    wrong = []
    for link in find_links(file.read_text(encoding="utf-8")):
        target = (file.parent / link.path).resolve() if link.path else file
        if not target.exists():
            wrong.append(link.path)
        elif (
            link.anchor
            and target.suffix == ".md"
            and link.anchor not in find_anchors(target.read_text(encoding="utf-8"))
        ):
            wrong.append(f"{link.path}#{link.anchor}")
    return wrong
