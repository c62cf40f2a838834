"""Rules about comments: tasks that nobody owns."""

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


def todo_without_owner(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """A task in a comment with neither a person nor an issue."""
    text = scan.bytes(item.node)
    if b"TODO" not in text and b"FIXME" not in text:
        return
    written = text.decode(errors="replace")
    for match in _TASK.finditer(written):
        if not _OWNED.search(match[2]):
            start = item.start + len(written[: match.start(1)].encode(errors="replace"))
            yield Hit(
                start,
                start + len(match[1]),
                f"This {match[1]} names neither a person nor an issue, so it is easily forgotten: "
                f"`{match[1]}(name): ...`.",
            )


RULES = (
    Rule(
        "todo-without-owner",
        Severity.HINT,
        ("comment",),
        todo_without_owner,
        equals=("TD002", "TD003", "FIX002", "W0511", "no-warning-comments"),
        words=(b"TODO", b"FIXME"),
        asked_only=True,
    ),
)
