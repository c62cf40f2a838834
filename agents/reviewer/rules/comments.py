"""The rule about TODO comments that name neither an owner nor an issue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_TASK = re.compile(r"^[\s#/*!;<-]*\b(TODO|FIXME)\b(?!\w)(.*)", re.MULTILINE)
_OWNED = re.compile(
    r"^\s*:?\s*[(\[<@]|^\s*:?\s*\(?@?\w+\)\s*:|(?<!\w)@[\w-]+|#\d+|https?://|\b[A-Z]{2,}-\d+\b|\bgh-\d+|\bissue\b"
    r"|\bv\.?\d|\b\d+\.(?:\d|x\b)|\b(?:once|until|after|as soon as)\s+\w"
    r"|\bwhen(?:ever)?\s.*\b(?:drop|land|releas|support|remov|available|minimum|deprecat|upgrad|fixed|merg)",
    re.IGNORECASE,
)


def find_todo_without_owner(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report each TODO or FIXME in a comment that names no person, issue, version or event."""
    text = scan.read_bytes(item.node)
    if b"TODO" not in text and b"FIXME" not in text:
        return
    comment = text.decode(errors="replace")
    for match in _TASK.finditer(comment):
        if not _OWNED.search(match[2]):
            start = item.start + len(comment[: match.start(1)].encode(errors="replace"))
            yield Hit(
                start,
                start + len(match[1]),
                f"This {match[1]} names neither a person nor an issue, so it is easily forgotten. Write "
                f"`{match[1]}(name): ...`.",
            )


RULES = (
    Rule(
        "todo-without-owner",
        Severity.HINT,
        ("comment",),
        find_todo_without_owner,
        equivalents=("TD002", "TD003", "FIX002", "W0511", "no-warning-comments"),
        required_words=(b"TODO", b"FIXME"),
        off_by_default=True,
    ),
)
