"""What comments switch off: a whole text (`starling: off`), or findings of one line (`starling: ignore[rule]`).

`# noqa: CODE` and `eslint-disable-line rule` hold too, for the rules of ours that those linters have. Start at
`Switches.of`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_OFF = re.compile(r"(?:#|//|/\*|--|;|<!--|%|\"|')\s*starling:\s*off\b", re.IGNORECASE)
_IGNORE = re.compile(r"starling:\s*ignore(?:\[([\w\s,.-]*)\])?", re.IGNORECASE)
_NOQA = re.compile(r"#\s*noqa(?::\s*([A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*))?", re.IGNORECASE)
_ESLINT = re.compile(r"eslint-disable(-next)?-line(?:\s+([\w@/,\s-]*?))?\s*(?:--|\*/|$)", re.MULTILINE)
_PYLINT = re.compile(r"pylint:\s*disable=([\w,\s-]+)")
_HINTS = ("starling:", "noqa", "NOQA", "eslint-disable-", "pylint:")
ALL = "*"


@dataclass(frozen=True, slots=True)
class Switches:
    """What is switched off in one text: `off` for all of it, else codes by line (from 0), "*" for all codes."""

    off: bool = False
    lines: dict[int, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, starts: list[int]) -> Switches:
        """Read the comments of `text`, whose lines begin at `starts`."""
        if not any(hint in text for hint in _HINTS):
            return cls()
        if _OFF.search(text):
            return cls(off=True)
        lines: dict[int, frozenset[str]] = {}
        for number, start in enumerate(starts):
            line = text[start : starts[number + 1] if number + 1 < len(starts) else len(text)]
            if any(hint in line for hint in _HINTS):
                alone = line.lstrip().startswith(("#", "//", "--", "/*", ";", "<!--", "%"))
                for target, codes in _read(line, number, alone=alone):
                    lines[target] = lines.get(target, frozenset()) | codes
        return cls(lines=lines)

    def silence(self, line: int, code: str, equals: Iterable[str]) -> bool:
        """Whether a finding in `line` by `code`, or another linter's name for it, is switched off."""
        if self.off:
            return True
        codes = self.lines.get(line)
        return codes is not None and (ALL in codes or code in codes or any(each in codes for each in equals))


def _read(line: str, number: int, *, alone: bool) -> Iterable[tuple[int, frozenset[str]]]:
    """The lines that a line's comments speak of, and the codes; a comment alone speaks of the next line too."""
    if match := _IGNORE.search(line):
        codes = _codes(match[1])
        yield number, codes
        if alone:
            yield number + 1, codes
    if match := _NOQA.search(line):
        yield number, _codes(match[1])
    for match in _ESLINT.finditer(line):
        yield number + (1 if match[1] else 0), _codes(match[2])
    if match := _PYLINT.search(line):
        yield number, _codes(match[1])


def _codes(said: str | None) -> frozenset[str]:
    return frozenset(re.split(r"[\s,]+", said.strip())) if said and said.strip() else frozenset({ALL})
