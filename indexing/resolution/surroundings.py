"""Uses of names in the text around a cursor: where each is called and read, counted once for all candidates.

Start at `Surroundings.of`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexing.resolution.names import DocumentNames

NEAR_LINES = 15
GROUP_LINES = (4, 8)  # before the cursor, whose words are searched for beside the names that may follow
MOST_CHARACTERS = 30_000  # on each side of the cursor
SHORT_CHARACTERS = 12_000
_MOST_WORDS = 200  # of a group
_SAME_STEP, _LATER_STEPS = 2, 5  # lines between two calls that follow each other
_RECENT_LINES = 6  # in which the last calls are looked for
_WORD = re.compile(r"[^\W\d]\w*")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_BRANCH = ("if ", "except", "else")


@dataclass(slots=True)
class Uses:
    """The lines in which each name is called, and in which it is read."""

    called: dict[str, list[int]] = field(default_factory=dict)
    read: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, imports: re.Pattern[str]) -> Uses:
        """Return the uses in `text`, without comments and `imports`, which finds import statements."""
        uses = cls()
        plain = imports.sub(lambda found: "\n" * found[0].count("\n"), text)
        for number, line in enumerate(plain.split("\n")):
            if line.lstrip().startswith("#"):
                continue
            for found in _WORD.finditer(line):
                kind = uses.called if line[found.end() : found.end() + 1] == "(" else uses.read
                kind.setdefault(found[0], []).append(number)
        return uses


@dataclass(slots=True)
class Surroundings:
    """The text around a cursor.

    Attributes:
        lines: number of lines before the cursor's.
        before: uses before the cursor's line.
        after: uses after it.
        near: how often each word occurs in the `NEAR_LINES` lines before.
        near_parts: words that the identifiers there are made of.
        scope_name: name of the innermost definition around; "" outside of all.
        scope_parts: words that its name, and that of its class, are made of.
        local: names near by, and those of its parameters and variables.
        following: weight of each name by how often its call came soon after one of the last called names.
        is_branch: whether one of the last two lines begins a branch.
        word_groups: the different words in the last `GROUP_LINES` lines, at most `_MOST_WORDS`.
    """

    lines: int
    before: Uses
    after: Uses
    near: Counter[str]
    near_parts: frozenset[str]
    scope_name: str
    scope_parts: frozenset[str]
    local: frozenset[str]
    following: dict[str, float]
    is_branch: bool
    word_groups: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, names: DocumentNames, *, short: bool = False) -> Surroundings:
        """Return the surroundings of the cursor of `names`; `short` looks at less text, to save time."""
        most, imports = SHORT_CHARACTERS if short else MOST_CHARACTERS, names.source.rules.imports
        text = names.plain[max(0, names.line_start - most) : names.line_start]
        lines, before = text.count("\n"), Uses.of(text, imports)
        near_lines = text.rsplit("\n", NEAR_LINES + 1)[1:]
        near = Counter(_WORD.findall("\n".join(near_lines)))
        table, scope = names.source.table, names.scope
        scope_name, scope_parts, local = "", set[str](), set(near)
        if scope >= 0:
            around = table.definitions[scope]
            scope_name, scope_parts = around.name, split_parts(around.name)
            if around.parent >= 0:
                scope_parts |= split_parts(table.definitions[around.parent].name)
            local |= {*table.members.get(scope, {}), *(each.name for each in around.parameters)}
        return cls(
            lines=lines,
            before=before,
            after=Uses.of(names.plain[names.line_end : names.line_end + most], imports),
            near=near,
            near_parts=frozenset(part for word in near for part in split_parts(word)),
            scope_name=scope_name,
            scope_parts=frozenset(scope_parts),
            local=frozenset(local),
            following=_count_following(before.called, lines),
            is_branch=any(line.lstrip().startswith(_BRANCH) for line in near_lines[-3:]),
            word_groups=tuple(
                tuple(dict.fromkeys(_WORD.findall("\n".join(near_lines[-count - 1 :]))))[-_MOST_WORDS:]
                for count in GROUP_LINES
            ),
        )


def split_parts(name: str) -> set[str]:
    """Return the words of two and more letters that an identifier is made of, in lower case."""
    return {part.lower() for part in _PARTS.findall(name) if len(part) > 1}


def _count_following(called: dict[str, list[int]], lines: int) -> dict[str, float]:
    """Return a weight of each name by how often it was called soon after one of the last names before the cursor."""
    calls = sorted((line, name) for name, places in called.items() for line in places)
    last = [name for line, name in calls if line >= lines - _RECENT_LINES][-3:]
    following: dict[str, float] = {}
    for number, (line, name) in enumerate(calls):
        if name not in last or line >= lines - _RECENT_LINES:
            continue
        weight = 2.0 if name == last[-1] else 1.0
        for later, other in calls[number + 1 : number + 8]:
            if later - line <= _LATER_STEPS:
                share = weight if later - line <= _SAME_STEP else weight / 4
                following[other] = following.get(other, 0.0) + share
    return following
