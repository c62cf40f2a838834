"""What comments switch off: a whole text (`starling: off`), or findings of some lines (`starling: ignore[rule]`).

The comments of other linters hold too, for the rules of ours that those linters have (`Rule.equals`); `_COMMENTS` lists
them. Start at `Switches.of`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ALL = "*"
_ANY = "+"  # before the shape of the names that a comment without names means
Reach = Literal["line", "next", "alone", "block", "below", "end", "text"]


@dataclass(frozen=True, slots=True)
class Comment:
    """How a linter is told to be silent.

    Attributes:
        shape: the comment, in any letter case; its group names the rules, an empty one means all.
        reach: "line" its own line; "next" the line below; "alone" its own line and, where nothing else stands there,
            the one below; "block" its own line or, where nothing else stands there, the rest of its block; "below" the
            whole item that begins below; "end" up to `until`, or to the end of the text; "text" everything.
        until: what ends "end".
        knows: the shape of the names that the linter gives its rules; without names the comment silences these.
    """

    shape: str
    reach: Reach
    until: str = ""
    knows: str = r"."


_NAMES = r"([\w@/.,:\s-]*?)"
_STOP = r"[ \t]*(?:--|\*/|$)"
_RUFF, _ESLINT = r"^[A-Z]+\d+$", r"^[a-z]+(?:-[a-z]+)+$"
_COMMENTS: tuple[Comment, ...] = (
    Comment(r"starling:\s*ignore(?:\[([\w\s,.-]*)\])?", "alone", knows=ALL),
    Comment(r"#\s*(?:ruff|flake8):\s*noqa:?\s*([A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*)?", "text", knows=_RUFF),
    Comment(r"#\s*noqa(?::\s*([A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*))?", "line", knows=_RUFF),
    Comment(r"pylint:\s*disable-next=([\w,\s-]+)", "next"),
    Comment(r"pylint:\s*disable=([\w,\s-]+)", "block"),
    Comment(rf"eslint-disable-next-line{_NAMES}{_STOP}", "next", knows=_ESLINT),
    Comment(rf"eslint-disable-line{_NAMES}{_STOP}", "line", knows=_ESLINT),
    Comment(rf"/\*\s*eslint-disable(?![\w-]){_NAMES}{_STOP}", "end", r"eslint-enable", knows=_ESLINT),
    Comment(rf"tslint:disable-next-line:?{_NAMES}{_STOP}", "next"),
    Comment(rf"(?:biome-ignore|deno-lint-ignore|oxlint-disable-next-line)(?!-file){_NAMES}(?::\s|{_STOP})", "next"),
    Comment(r"\bNOLINTNEXTLINE(?:\(([^)]*)\))?", "next"),
    Comment(r"\bNOLINTBEGIN(?:\(([^)]*)\))?", "end", r"NOLINTEND"),
    Comment(r"\bNOLINT\b(?:\(([^)]*)\))?", "line"),
    Comment(r"//\s*nolint\b(?::([\w,\s-]+))?", "alone"),
    Comment(r"\bNOSONAR\b()", "line"),
    Comment(r"\bnosec\b[ \t]*(B\d+(?:[\s,]+B\d+)*)?", "line"),
    Comment(r"@file:Suppress\s*\(([^)]*)\)", "text"),
    Comment(r"@Suppress(?:Warnings)?\s*\(([^)]*)\)", "below"),
    Comment(r"\bnoinspection\s+([\w,]+)", "alone"),
    Comment(r"#pragma\s+warning\s+disable\b([\w\s,]*)", "end", r"#pragma\s+warning\s+restore"),
    Comment(r"ReSharper\s+disable\s+once\s+([\w.]+)", "next"),
    Comment(r"rubocop:(?:disable|todo)\s+([\w/,\s]+)", "end", r"rubocop:enable"),
    Comment(r"@phpstan-ignore-next-line\b()", "next"),
    Comment(r"@phpstan-ignore(?:-line)?\b[ \t]*([\w.,\s]*)", "alone"),
    Comment(r"phpcs:ignore\b[ \t]*([\w.,]*)", "alone"),
    Comment(r"@psalm-suppress\s+(\w+)", "alone"),
    Comment(r"#!\[\s*(?:allow|expect)\s*\(([^)\]]*)\)\s*\]", "text"),
    Comment(r"#\[\s*(?:allow|expect)\s*\(([^)\]]*)\)\s*\]", "below"),
    Comment(r"swiftlint:disable:(?:next)\s+([\w\s]+)", "next"),
    Comment(r"swiftlint:disable:(?:this)\s+([\w\s]+)", "line"),
    Comment(r"swiftlint:disable\s+([\w\s]+)", "end", r"swiftlint:enable"),
    Comment(r"//\s*ignore_for_file:\s*([\w,\s]+)", "text"),
    Comment(r"//\s*ignore:\s*([\w,\s]+)", "alone"),
    Comment(r"luacheck:\s*ignore\b()", "alone"),
    Comment(r"shellcheck\s+disable=([\w,]+)", "alone"),
    Comment(r"(?:pragma:\s*allowlist\s+(?:nextline\s+)?secret|gitleaks:allow)()", "alone"),
)
_OFF = re.compile(r"(?:#|//|/\*|--|;|<!--|%|\"|')\s*starling:\s*off\b", re.IGNORECASE)
_SHAPES = tuple(
    (each, re.compile(each.shape, re.IGNORECASE | re.MULTILINE), re.compile(each.until or r"(?!)", re.IGNORECASE))
    for each in _COMMENTS
)
# In lower case; a line without any of these switches nothing off.
_HINTS = (
    *("starling:", "noqa", "lint", "nosonar", "nosec", "suppress", "noinspection", "phpstan-ignore", "phpcs:ignore"),
    *("biome-ignore", "[allow", "[expect", "pragma", "ignore:", "ignore_for_file", "luacheck", "rubocop", "shellcheck"),
    *("resharper", "gitleaks"),
)
_TITLE = re.compile(r"[\s,|]+")
_MOST_LINES = 2000  # with comments for linters
_MOST_RANGES, _FEW = 200, 2  # longer than a few lines
_ITEM_LINES = 2000  # of a block below an annotation


@dataclass(frozen=True, slots=True)
class Switches:
    """What is switched off in one text.

    Attributes:
        off: all of it.
        lines: codes by line, from 0.
        ranges: codes for the lines of a range each.
    """

    off: bool = False
    lines: dict[int, frozenset[str]] = field(default_factory=dict)
    ranges: tuple[tuple[range, frozenset[str]], ...] = ()

    @classmethod
    def of(cls, text: str, starts: list[int]) -> Switches:
        """Read the comments of `text`, whose lines begin at `starts`."""
        hinted = _hinted(text, starts)
        if not hinted:
            return cls()
        if _OFF.search(text):
            return cls(off=True)
        rows = [text[start : starts[n + 1] if n + 1 < len(starts) else len(text)] for n, start in enumerate(starts)]
        lines: dict[int, frozenset[str]] = {}
        ranges: list[tuple[range, frozenset[str]]] = []
        for number in sorted(hinted):
            for comment, until, alone, codes in _read(rows[number]):
                if any(number in known and codes <= silent for known, silent in ranges):
                    continue
                reach = comment.reach if len(ranges) < _MOST_RANGES else "line"
                reached = _reached(rows, number, reach, until, alone=alone)
                if len(reached) > _FEW:
                    ranges.append((reached, codes))
                for line in reached[:_FEW]:
                    lines[line] = lines.get(line, frozenset()) | codes
        return cls(lines=lines, ranges=tuple(ranges))

    def silence(self, line: int, code: str, equals: Iterable[str]) -> bool:
        """Whether a finding in `line` by `code`, or another linter's name for it, is switched off."""
        if self.off:
            return True
        codes = self.lines.get(line, frozenset()).union(*(codes for reached, codes in self.ranges if line in reached))
        return any(_names(said, code, equals) for said in codes)


def _hinted(text: str, starts: list[int]) -> set[int]:
    """Return the lines that may hold a comment for a linter, at most `_MOST_LINES`."""
    lower = text.lower()
    if len(lower) != len(text):  # places would differ
        lower = text
    lines: set[int] = set()
    for hint in _HINTS:
        at = lower.find(hint)
        while at >= 0 and len(lines) < _MOST_LINES:
            lines.add(bisect_right(starts, at) - 1)
            at = lower.find(hint, at + len(hint))
    return lines


def _names(said: str, code: str, equals: Iterable[str]) -> bool:
    """Return whether what a comment said means the rule `code`, or one of its names in other linters."""
    if said == ALL:
        return True
    if said.startswith(_ANY):
        return any(re.search(said[1:], each) for each in equals)
    return any(said == _plain(each) for each in (code, *equals))


def _read(row: str) -> Iterator[tuple[Comment, re.Pattern[str], bool, frozenset[str]]]:
    """Yield the comments in one line: what ends its reach, whether it stands alone, and the codes."""
    for comment, shape, until in _SHAPES:
        for match in shape.finditer(row):
            alone = not row[: match.start()].strip(" \t#/*-;<!%@[")
            yield comment, until, alone, _codes(match[1], comment.knows)


def _reached(rows: list[str], number: int, reach: Reach, until: re.Pattern[str], *, alone: bool) -> range:
    """Return the lines that a comment in line `number` speaks of; most speak of more where they stand alone."""
    if reach == "text":
        return range(len(rows))
    if reach == "next":
        return range(number + 1, number + 2)
    if reach == "below":
        return range(number, _end_of_item(rows, number))
    if reach == "line" or not alone:
        return range(number, number + 1)
    if reach == "alone":
        return range(number, number + 2)
    below = range(number + 1, len(rows))
    indent = _indent(rows[number])
    ends = until.search if reach == "end" else lambda row: row.strip() and _indent(row) < indent
    return range(number, next((n for n in below if ends(rows[n])), len(rows)))


def _end_of_item(rows: list[str], number: int) -> int:
    """Return the line behind the item that an annotation stands at, by its brackets and how far it is indented."""
    indent, begun = _indent(rows[number]), rows[number].rstrip().endswith(("{", "("))
    for line in range(number + 1, min(len(rows), number + _ITEM_LINES)):
        row, outside = rows[line].strip(), _indent(rows[line]) <= indent
        if row and _indent(rows[line]) < indent:
            return line
        if not begun and (not row or row.endswith((";", "}", ","))):
            return line + 1
        if begun and outside and row.startswith(("}", ")")) and not row.endswith("{"):
            return line + 1
        begun = begun or row.endswith(("{", "("))
    return min(len(rows), number + 2)


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip())


def _codes(said: str | None, knows: str) -> frozenset[str]:
    names = [name for each in _TITLE.split(said or "") if (name := each.strip("\"'{}()[] "))]
    if not names or "all" in names:
        return frozenset({ALL if knows == ALL else _ANY + knows})
    return frozenset(map(_plain, names))


def _plain(name: str) -> str:
    """Return a rule's name as it is compared: without the linter's, in one case, without signs."""
    return re.sub(r"[^a-z0-9*]", "", re.split(r"[/.:]+", name)[-1].lower())
