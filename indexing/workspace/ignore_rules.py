"""The ignore rules in force in a folder: `.gitignore`, `.starlingignore` and `.gitattributes`, there and above.

Reads files of rules within bounds and keeps those that do not change. Start at `Rules` and `read_rules`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.workspace.files import read_regular
from indexing.workspace.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

IGNORE_FILES = (".gitignore", ".starlingignore")
ATTRIBUTES_FILE = ".gitattributes"
DECIDING_FILES = (*IGNORE_FILES, ATTRIBUTES_FILE)
"""Names of the files of rules: a change of one may exclude or include other files."""
_MOST_FILES = 256  # files of rules that are kept
_SETTLED_S = 2.0  # within this time after a change, a file may change again with the same timestamp


@dataclass(frozen=True, slots=True)
class Rules:
    """The ignore rules in force in one folder: its own, then those of the folders around it.

    Attributes:
        base: root-relative folder with a trailing "/", "" for the root.
        git: rules of `.gitignore` here.
        own: rules of `.starlingignore` here.
        outer: rules of the parent folder.
        above: for a folder above the root, the path from there to the root, with a trailing "/".
        marks: patterns of `.gitattributes` here, by the reason that they mark files with.
        plain: whether only `.gitignore` files have rules here and above.
    """

    base: str
    git: Patterns | None
    own: Patterns | None
    outer: Rules | None = None
    above: str = ""
    marks: tuple[tuple[str, Patterns], ...] = ()
    plain: bool = True

    @property
    def has_too_many_rules(self) -> bool:
        """Whether there are too many rules to match in time, so that the folder is excluded."""
        tried, rules = 0, self
        while True:
            tried += sum(spec.most_tried for spec in (rules.git, rules.own) if spec is not None)
            if tried > bounds.IGNORE_RULES or rules.outer is None:
                return tried > bounds.IGNORE_RULES
            rules = rules.outer

    def is_ignored(self, relative: str, *, starling: bool) -> bool | None:
        """Return whether the innermost rule for `relative` ignores it; None if no rule matches.

        Args:
            relative: root-relative path; a folder ends with "/".
            starling: look at `.starlingignore` instead of `.gitignore`.
        """
        rules: Rules | None = self
        while rules is not None:
            spec = rules.own if starling else rules.git
            if spec is not None:
                answer = spec.check_file(rules.above + relative[len(rules.base) :]).include
                if answer is not None:
                    return answer
            rules = rules.outer
        return None

    def is_marked(self, relative: str, reason: str) -> bool | None:
        """Return whether `.gitattributes` sets (True) or unsets (False) the mark `reason` on `relative`; else None."""
        rules: Rules | None = None if self.plain else self
        while rules is not None:
            for known, spec in rules.marks:
                if known == reason:
                    answer = spec.check_file(rules.above + relative[len(rules.base) :]).include
                    if answer is not None:
                        return answer
            rules = rules.outer
        return None


def join_folders(parts: Sequence[str]) -> str:
    """Return the path of nested folders, each with a trailing "/"."""
    return "".join(f"{part}/" for part in parts)


def is_ignored_above(rules: Rules | None, inside: Sequence[str], depth: int, name: str) -> bool:
    """Return whether a folder on the way to the root is ignored by the rules of the folders around it.

    Args:
        rules: rules in force in the folder's parent folder.
        inside: parts of the path from the work tree to the root.
        depth: index of the folder in `inside`.
        name: name of the folder.
    """
    while rules is not None:
        way = rules.above.removesuffix(join_folders(inside[depth:])) + f"{name}/"
        for spec in (rules.own, rules.git):
            answer = spec.check_file(way).include if spec is not None else None
            if answer is not None:
                return answer
        rules = rules.outer
    return False


def read_attributes(path: Path) -> str:
    """Return the text of a `.gitattributes` file; "" if it cannot be read or has more than `bounds.IGNORE_BYTES`."""
    try:
        data, _ = read_regular(path, bounds.IGNORE_BYTES + 1)
    except OSError:
        return ""
    return data.decode(errors="replace") if len(data) <= bounds.IGNORE_BYTES else ""


def read_rules(path: Path) -> Patterns | None:
    """Return the rules of an ignore file, cached while the file does not change; None if it cannot be read."""
    try:
        found = path.stat()
        key = (str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = _RULES.get(key)
        if known is None:
            known = _parse_rules(path)
            if time.time() - found.st_ctime > _SETTLED_S:
                if len(_RULES) >= _MOST_FILES:
                    _RULES.clear()
                _RULES[key] = known
    except OSError:
        return None
    return known


_RULES: dict[tuple[str, int, int, int, int], Patterns] = {}


def _parse_rules(path: Path) -> Patterns:
    """Read an ignore file and return its rules, of equal lines the last; a file that is too long has excessive rules.

    Raises:
        OSError: the file cannot be read.
    """
    data, _ = read_regular(path, bounds.IGNORE_BYTES + 1)
    if len(data) > bounds.IGNORE_BYTES:
        return Patterns.make_excessive()
    lines = data.decode(errors="replace").splitlines()
    return Patterns(
        [line for line in dict.fromkeys(reversed(lines)) if line.strip() and not line.startswith("#")][::-1]
    )
