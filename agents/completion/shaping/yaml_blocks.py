"""The blocks that are open at a place in YAML: the columns at which mappings and sequences go on.

Reads line by line and never parses; lines in flow collections and multi-line scalars may have any column.
Start at `YamlBlocks.at`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from agents.completion.shaping.brackets import read_lines

if TYPE_CHECKING:
    from agents.completion.cursor import Cursor
    from agents.completion.shaping.brackets import Line

_ITEM = re.compile(r"-(?:[ ]+|$)")
_KEY = re.compile(
    r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\?[ ]|[^\s#\-?:,\[\]{}&*!|>'"%@`][^#]*?|[-?:][^\s#][^#]*?|<<)[ ]*:(?=[ ]|$)"""
)
_COMMENT = re.compile(r"(?:^|[ ])#.*")
_PROPERTIES = re.compile(r"^[ ]*(?:[&!][^\s]*[ ]*)+")  # an anchor, a tag
_FLOWS = ("[", "{", '"', "'")
_SCALAR = re.compile(r"[|>][-+0-9]*$")
_MARKS = ("---", "...", "%")
_REACH = 24_000


@dataclass(frozen=True, slots=True)
class _State:
    """The open collections and strings at the start of a line.

    Attributes:
        blocks: columns and kinds ("map", "seq") of the open collections, outermost first.
        opened: whether the last key or item, or the document itself, has no value yet.
        scalar: column of the key whose block scalar goes on, -1 for none.
        content: column of the block scalar's lines, -1 before the first.
        quote: delimiter of the quoted scalar that goes on, "" for none.
        unclosed: opening brackets of the flow collections that go on.
    """

    blocks: tuple[tuple[int, str], ...] = ()
    opened: bool = True
    scalar: int = -1
    content: int = -1
    quote: str = ""
    unclosed: str = ""

    @property
    def is_continued(self) -> bool:
        """Whether the line is inside a flow collection or a quoted scalar."""
        return bool(self.quote or self.unclosed)

    @property
    def column(self) -> int:
        """Column of the innermost open collection, -1 for none."""
        return self.blocks[-1][0] if self.blocks else -1

    def can_begin(self, column: int, kind: str) -> bool:
        """Return whether an entry at `column` belongs to an open collection or may begin a new one.

        `kind` is "map", "seq", or "" for a plain value, which can only follow a key or an item without a value.
        """
        if (column, kind) in self.blocks:
            return True
        if not self.opened or kind == "":
            return self.opened and column > self.column
        return column > self.column or (kind == "seq" and column == self.column)

    def advance(self, raw: str) -> _State:
        """Return the state after the line `raw`."""
        body = raw.lstrip(" ")
        column = len(raw) - len(body)
        if self.is_continued:
            left = _read_first_line(raw, self.quote, self.unclosed)
            return replace(self, opened=False, quote=left.quote, unclosed=left.unclosed)
        if body.strip() and column > self.scalar >= 0:
            return replace(self, content=column) if self.content < 0 else self
        if not body.strip() or body[0] == "#":
            return self
        if body.startswith(_MARKS):
            return _State()
        blocks = [one for one in self.blocks if one[0] <= column]
        while item := _ITEM.match(body):
            if (column, "seq") not in blocks:
                blocks.append((column, "seq"))
            column += item.end()
            body = body[item.end() :]
        if (key := _KEY.match(body)) is not None:
            blocks = [one for one in blocks if one != (column, "seq")]
            if (column, "map") not in blocks:
                blocks.append((column, "map"))
            body = body[key.end() :]
        value = _PROPERTIES.sub("", _COMMENT.sub("", body)).strip()
        scalar = blocks[-1][0] if blocks and _SCALAR.match(value) else -1
        left = _read_first_line(body.strip() if value.startswith(_FLOWS) else "")
        return _State(tuple(blocks), not value, scalar, quote=left.quote, unclosed=left.unclosed)


def _read_first_line(text: str, quote: str = "", unclosed: str = "") -> Line:
    """Return the first line of `text`; `quote` and `unclosed` are the string and the brackets open at its start."""
    return next(iter(read_lines(text, quote, unclosed)))


@dataclass(frozen=True)
class YamlBlocks:
    """The collections around a cursor.

    Attributes:
        cursor: the cursor.
        state: the state at the start of its line.
        below: column and kind of the next entry below, or column of the first line of a block scalar and "". None if
            there is no entry below or it cannot come next.
    """

    cursor: Cursor
    state: _State
    below: tuple[int, str] | None

    @classmethod
    def at(cls, cursor: Cursor) -> YamlBlocks:
        """Return the collections that are open at `cursor` in a YAML document."""
        state = _read_state(cursor.prefix[: len(cursor.prefix) - len(cursor.before)][-_REACH:])
        below = None if state.is_continued else _find_entry_below(cursor.suffix)
        if below is not None and below[0] > state.scalar >= 0:
            below = (below[0], "") if state.content < 0 else None
        elif below is not None and not state.can_begin(*below):
            below = None
        return cls(cursor, state, below)

    def compute_padding(self) -> str | None:
        """Return the spaces that are missing on the cursor's blank line up to the next column where an entry may begin.

        "" if none are missing, None if there is no such column right of the cursor or the line has a tab.
        """
        here = len(self.cursor.before)
        if not here or self.state.is_continued or "\t" in self.cursor.before:
            return None if "\t" in self.cursor.before and not self.state.is_continued else ""
        columns = self._list_columns()
        if here in columns or not columns:
            return ""
        content = self.state.content
        if self.below is None and (here > content >= 0 or (content < 0 and self._can_begin_at(here))):
            return ""
        deeper = [one for one in columns if one > here]
        return " " * (min(deeper) - here) if deeper else None

    def fit(self, text: str) -> str:
        """Return the longest beginning of `text` whose lines are all in open collections; "" if nothing fits.

        `text` continues the cursor's line; the result ends where the entry below the cursor may follow.
        """
        before, state = self.cursor.before, self.state
        made, kept = "", ""
        for number, raw in enumerate((before + text).split("\n")):
            begun = number == 0 and bool(before.strip())
            if not begun and raw.strip() and not self._can_follow(raw, state):
                break
            state = state.advance(raw)
            made += "\n" + raw if number else raw
            if begun or (raw.strip() and self._can_reach_below(state)):
                kept = made
        return kept[len(before) :]

    def _can_follow(self, raw: str, state: _State) -> bool:
        """Return whether the line `raw` may come next after `state`."""
        body = raw.lstrip(" ")
        column = len(raw) - len(body)
        if state.is_continued:
            return True
        if column > state.scalar >= 0:
            return column >= state.content >= 0 or (
                state.content < 0 and (self.below is None or column <= self.below[0])
            )
        if body.startswith("\t"):
            return False
        return state.can_begin(
            column, "map" if body.startswith("#") and (column, "map") in state.blocks else _classify(body)
        )

    def _can_reach_below(self, state: _State) -> bool:
        """Return whether the entry below may come next; true if there is none or `state` is in brackets or quotes."""
        if self.below is None or state.is_continued:
            return True
        is_content = self.below[0] > state.scalar >= 0
        return self.below[0] >= state.content if is_content else state.can_begin(*self.below)

    def _can_begin_at(self, column: int) -> bool:
        """Return whether a block scalar's first line or a new collection may begin at `column`."""
        state = self.state
        return column > state.scalar if state.scalar >= 0 else state.opened and column > state.column

    def _list_columns(self) -> list[int]:
        """Return the columns at which the cursor's line may begin, ascending."""
        state, step = self.state, max(len(self.cursor.unit), 1)
        if self.below is not None:
            if self.below[0] > (state.scalar if state.scalar >= 0 else state.column if state.opened else self.below[0]):
                return [self.below[0]]
            return sorted({column for column, _ in state.blocks if column >= self.below[0]})
        columns = {column for column, _ in state.blocks}
        if state.scalar >= 0:
            columns.add(state.content if state.content >= 0 else state.scalar + step)
        elif state.opened:
            columns.add(state.column + step if state.blocks else 0)
        return sorted(columns)


def _classify(body: str) -> str:
    """Return "seq" if `body` begins with an item, "map" if with a key, else ""."""
    if _ITEM.match(body):
        return "seq"
    return "map" if _KEY.match(body) else ""


def _find_entry_below(suffix: str) -> tuple[int, str] | None:
    """Return column and kind of the first entry below the cursor's line; None without one in the same document."""
    for line in suffix.split("\n")[1:]:
        body = line.lstrip(" ")
        if body.strip() and body[0] != "#":
            return None if body.startswith(_MARKS) else (len(line) - len(body), _classify(body))
    return None


@lru_cache(maxsize=4)  # `above` stays the same while a person types in a line
def _read_state(above: str) -> _State:
    """Return the state after the lines `above`."""
    state = _State()
    for raw in above.split("\n"):
        state = state.advance(raw)
    return state
