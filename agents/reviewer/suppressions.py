"""Comments that suppress findings: of a whole text (`starling: off`), or of some lines (`starling: ignore[rule]`).

Comments for other linters suppress the equivalent rules of Starling's too (`Rule.equivalents`); `_COMMENTS` lists them.
Start at `Suppressions.of`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ALL = "*"
_BY_SHAPE = "+"  # prefix of a pattern, which suppresses all rules whose names match it
Reach = Literal["line", "next", "alone", "block", "below", "end", "text"]


@dataclass(frozen=True, slots=True)
class Suppressor:
    """A kind of comment that suppresses findings.

    Attributes:
        shape: pattern of the comment, in any letter case; its group holds names of rules, an empty one means all.
        reach: "line" its line; "next" the line below; "alone" its line and, if the comment is alone in it, the one
            below; "block" its line or, if the comment is alone in it, the rest of its block; "below" the item below;
            "end" all up to `until` or the end of the text; "text" the whole text.
        until: pattern of the comment that ends the reach "end".
        name_pattern: pattern of the linter's rule names; a comment without names suppresses all rules with such a name.
    """

    shape: str
    reach: Reach
    until: str = ""
    name_pattern: str = r"."


_NAME_LIST = r"([\w@/.,:\s-]*?)"
_STOP = r"[ \t]*(?:--|\*/|$)"
_RUFF, _ESLINT = r"^[A-Z]+\d+$", r"^[a-z]+(?:-[a-z]+)+$"
_COMMENTS: tuple[Suppressor, ...] = (
    Suppressor(r"starling:\s*ignore(?:\[([\w\s,.-]*)\])?", "alone", name_pattern=ALL),
    Suppressor(r"#\s*(?:ruff|flake8):\s*noqa:?\s*([A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*)?", "text", name_pattern=_RUFF),
    Suppressor(r"#\s*noqa(?::\s*([A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*))?", "line", name_pattern=_RUFF),
    Suppressor(r"pylint:\s*disable-next=([\w,\s-]+)", "next"),
    Suppressor(r"pylint:\s*disable=([\w,\s-]+)", "block"),
    Suppressor(rf"eslint-disable-next-line{_NAME_LIST}{_STOP}", "next", name_pattern=_ESLINT),
    Suppressor(rf"eslint-disable-line{_NAME_LIST}{_STOP}", "line", name_pattern=_ESLINT),
    Suppressor(rf"/\*\s*eslint-disable(?![\w-]){_NAME_LIST}{_STOP}", "end", r"eslint-enable", name_pattern=_ESLINT),
    Suppressor(rf"tslint:disable-next-line:?{_NAME_LIST}{_STOP}", "next"),
    Suppressor(
        rf"(?:biome-ignore|deno-lint-ignore|oxlint-disable-next-line)(?!-file){_NAME_LIST}(?::\s|{_STOP})", "next"
    ),
    Suppressor(r"\bNOLINTNEXTLINE(?:\(([^)]*)\))?", "next"),
    Suppressor(r"\bNOLINTBEGIN(?:\(([^)]*)\))?", "end", r"NOLINTEND"),
    Suppressor(r"\bNOLINT\b(?:\(([^)]*)\))?", "line"),
    Suppressor(r"//\s*nolint\b(?::([\w,\s-]+))?", "alone"),
    Suppressor(r"\bNOSONAR\b()", "line"),
    Suppressor(r"\bnosec\b[ \t]*(B\d+(?:[\s,]+B\d+)*)?", "line"),
    Suppressor(r"@file:Suppress\s*\(([^)]*)\)", "text"),
    Suppressor(r"@Suppress(?:Warnings)?\s*\(([^)]*)\)", "below"),
    Suppressor(r"\bnoinspection\s+([\w,]+)", "alone"),
    Suppressor(r"#pragma\s+warning\s+disable\b([\w\s,]*)", "end", r"#pragma\s+warning\s+restore"),
    Suppressor(r"ReSharper\s+disable\s+once\s+([\w.]+)", "next"),
    Suppressor(r"rubocop:(?:disable|todo)\s+([\w/,\s]+)", "end", r"rubocop:enable"),
    Suppressor(r"@phpstan-ignore-next-line\b()", "next"),
    Suppressor(r"@phpstan-ignore(?:-line)?\b[ \t]*([\w.,\s]*)", "alone"),
    Suppressor(r"phpcs:ignore\b[ \t]*([\w.,]*)", "alone"),
    Suppressor(r"@psalm-suppress\s+(\w+)", "alone"),
    Suppressor(r"#!\[\s*(?:allow|expect)\s*\(([^)\]]*)\)\s*\]", "text"),
    Suppressor(r"#\[\s*(?:allow|expect)\s*\(([^)\]]*)\)\s*\]", "below"),
    Suppressor(r"swiftlint:disable:(?:next)\s+([\w\s]+)", "next"),
    Suppressor(r"swiftlint:disable:(?:this)\s+([\w\s]+)", "line"),
    Suppressor(r"swiftlint:disable\s+([\w\s]+)", "end", r"swiftlint:enable"),
    Suppressor(r"//\s*ignore_for_file:\s*([\w,\s]+)", "text"),
    Suppressor(r"//\s*ignore:\s*([\w,\s]+)", "alone"),
    Suppressor(r"luacheck:\s*ignore\b()", "alone"),
    Suppressor(r"shellcheck\s+disable=([\w,]+)", "alone"),
    Suppressor(r"(?:pragma:\s*allowlist\s+(?:nextline\s+)?secret|gitleaks:allow)()", "alone"),
)
_OFF = re.compile(r"(?:#|//|/\*|--|;|<!--|%|\"|')\s*starling:\s*off\b", re.IGNORECASE)
_SHAPES = tuple(
    (each, re.compile(each.shape, re.IGNORECASE | re.MULTILINE), re.compile(each.until or r"(?!)", re.IGNORECASE))
    for each in _COMMENTS
)
# In lower case; a line without any of these suppresses nothing.
_HINTS = (
    *("starling:", "noqa", "lint", "nosonar", "nosec", "suppress", "noinspection", "phpstan-ignore", "phpcs:ignore"),
    *("biome-ignore", "[allow", "[expect", "pragma", "ignore:", "ignore_for_file", "luacheck", "rubocop", "shellcheck"),
    *("resharper", "gitleaks"),
)
_NAME_SEPARATOR = re.compile(r"[\s,|]+")
_MOST_LINES = 2000  # with comments for linters, in a text
_MOST_RANGES, _FEW_LINES = 200, 2  # ranges of more than `_FEW_LINES` in a text
_ITEM_LINES = 2000  # searched for the end of an item below an annotation


@dataclass(frozen=True, slots=True)
class Suppressions:
    """The suppressions of one text.

    Attributes:
        off: True if the whole text is off.
        lines: suppressed codes by line, from 0.
        ranges: ranges of lines with the codes that are suppressed in them.
    """

    off: bool = False
    lines: dict[int, frozenset[str]] = field(default_factory=dict)
    ranges: tuple[tuple[range, frozenset[str]], ...] = ()

    @classmethod
    def of(cls, text: str, starts: list[int]) -> Suppressions:
        """Return the suppressions by the comments of `text`, whose lines begin at the offsets `starts`."""
        candidates = _find_candidate_lines(text, starts)
        if not candidates:
            return cls()
        if _OFF.search(text):
            return cls(off=True)
        rows = [text[start : starts[n + 1] if n + 1 < len(starts) else len(text)] for n, start in enumerate(starts)]
        lines: dict[int, frozenset[str]] = {}
        ranges: list[tuple[range, frozenset[str]]] = []
        for number in sorted(candidates):
            for comment, until, alone, codes in _parse_line(rows[number]):
                if any(number in known and codes <= silent for known, silent in ranges):
                    continue
                reach = comment.reach if len(ranges) < _MOST_RANGES else "line"
                reached = _compute_reach(rows, number, reach, until, alone=alone)
                if len(reached) > _FEW_LINES:
                    ranges.append((reached, codes))
                for line in reached[:_FEW_LINES]:
                    lines[line] = lines.get(line, frozenset()) | codes
        return cls(lines=lines, ranges=tuple(ranges))

    def is_suppressed(self, line: int, code: str, equivalents: Iterable[str]) -> bool:
        """Return whether findings of the rule `code` in `line` are suppressed; `equivalents` are its other names."""
        if self.off:
            return True
        codes = self.lines.get(line, frozenset()).union(*(codes for reached, codes in self.ranges if line in reached))
        return any(_matches_rule(name, code, equivalents) for name in codes)


def _find_candidate_lines(text: str, starts: list[int]) -> set[int]:
    """Return the lines that may contain a comment for a linter, at most `_MOST_LINES`."""
    lower = text.lower()
    if len(lower) != len(text):  # offsets would differ
        lower = text
    lines: set[int] = set()
    for hint in _HINTS:
        at = lower.find(hint)
        while at >= 0 and len(lines) < _MOST_LINES:
            lines.add(bisect_right(starts, at) - 1)
            at = lower.find(hint, at + len(hint))
    return lines


def _matches_rule(name: str, code: str, equivalents: Iterable[str]) -> bool:
    """Return whether `name` in a comment means the rule `code`, directly or by one of its other names."""
    if name == ALL:
        return True
    if name.startswith(_BY_SHAPE):
        return any(re.search(name[1:], each) for each in equivalents)
    return any(name == _normalise_name(each) for each in (code, *equivalents))


def _parse_line(row: str) -> Iterator[tuple[Suppressor, re.Pattern[str], bool, frozenset[str]]]:
    """Yield each suppression in a line: its kind, the pattern that ends it, whether no code is before it, its codes."""
    for comment, shape, until in _SHAPES:
        for match in shape.finditer(row):
            alone = not row[: match.start()].strip(" \t#/*-;<!%@[")
            yield comment, until, alone, _parse_codes(match[1], comment.name_pattern)


def _compute_reach(rows: list[str], number: int, reach: Reach, until: re.Pattern[str], *, alone: bool) -> range:
    """Return the lines that a comment in line `number` applies to; `alone` if no code is before it in the line."""
    if reach == "text":
        return range(len(rows))
    if reach == "next":
        return range(number + 1, number + 2)
    if reach == "below":
        return range(number, _find_item_end(rows, number))
    if reach == "line" or not alone:
        return range(number, number + 1)
    if reach == "alone":
        return range(number, number + 2)
    below = range(number + 1, len(rows))
    indent = _measure_indent(rows[number])
    ends = until.search if reach == "end" else lambda row: row.strip() and _measure_indent(row) < indent
    return range(number, next((n for n in below if ends(rows[n])), len(rows)))


def _find_item_end(rows: list[str], number: int) -> int:
    """Return the line after the item that follows the annotation in line `number`, by brackets and indentation."""
    indent, begun = _measure_indent(rows[number]), rows[number].rstrip().endswith(("{", "("))
    for line in range(number + 1, min(len(rows), number + _ITEM_LINES)):
        row, outside = rows[line].strip(), _measure_indent(rows[line]) <= indent
        if row and _measure_indent(rows[line]) < indent:
            return line
        if not begun and (not row or row.endswith((";", "}", ","))):
            return line + 1
        if begun and outside and row.startswith(("}", ")")) and not row.endswith("{"):
            return line + 1
        begun = begun or row.endswith(("{", "("))
    return min(len(rows), number + 2)


def _measure_indent(row: str) -> int:
    """Return the number of white-space characters at the start of `row`."""
    return len(row) - len(row.lstrip())


def _parse_codes(listed: str | None, name_pattern: str) -> frozenset[str]:
    """Return the codes in a comment's list of names; for an empty list, one code that stands for all."""
    names = [name for each in _NAME_SEPARATOR.split(listed or "") if (name := each.strip("\"'{}()[] "))]
    if not names or "all" in names:
        return frozenset({ALL if name_pattern == ALL else _BY_SHAPE + name_pattern})
    return frozenset(map(_normalise_name, names))


def _normalise_name(name: str) -> str:
    """Return a rule's name for comparison: without the linter's prefix, in lower case, without punctuation."""
    return re.sub(r"[^a-z0-9*]", "", re.split(r"[/.:]+", name)[-1].lower())
