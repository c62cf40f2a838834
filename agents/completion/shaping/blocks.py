"""Blocks that are open at a place in Python: where the lines of a suggestion may begin.

They are told apart by their indentation as it is written, tabs and spaces, because Python compares it so. Never parses,
and forgives broken code. Start at `PythonBlocks.at`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from agents.completion.cursor import measure_indentation
from agents.completion.shaping.brackets import read_lines

if TYPE_CHECKING:
    from agents.completion.cursor import Cursor
    from agents.completion.shaping.brackets import Line

_TOP = re.compile(r"^(?:async[ \t]+def|def|class|import|from)\b|^@\w", re.MULTILINE)
# No line within brackets begins so: where one does, the bracket above it was never closed.
_STATEMENT = re.compile(
    r"[ \t]*(?:(?:async[ \t]+def|def|class|return|import|raise|with|while|del|pass|break|continue|assert)\b"
    r"|try[ \t]*:|@\w)"
)
_TOPS = 50  # statements at the top that are looked at, the nearest first
_WORD = re.compile(r"(?:async[ \t]+)?(\w+|@)")
_DECORATED = frozenset({"def", "class", "@"})
# What goes on with a compound statement, and the headers it may come behind.
_BRANCHES = {
    "elif": {"if", "elif"},
    "else": {"if", "elif", "for", "while", "except"},
    "except": {"try", "except"},
    "finally": {"try", "except", "else"},
}


@dataclass(frozen=True, slots=True)
class _Block:
    """An open block.

    Attributes:
        lead: the white space that its lines begin with.
        columns: width of it in the text that is being read.
        header: first word of the statement that opened it, "" for none.
    """

    lead: str
    columns: int
    header: str = ""


@dataclass(frozen=True, slots=True)
class _State:
    """The open brackets, strings and blocks at the start of a line.

    Attributes:
        blocks: outermost first.
        opened: the last statement ends with what opens a block.
        word: what the last statement, or the one that goes on, begins with; "@" for a decorator.
        line: the line above, None at the begin.
    """

    blocks: tuple[_Block, ...] = (_Block("", 0),)
    opened: bool = False
    word: str = ""
    line: Line | None = None

    @property
    def is_continued(self) -> bool:
        """Whether the line belongs to the statement above, so that any column will do."""
        return self.line is not None and self.line.is_continued

    @property
    def is_finished(self) -> bool:
        """Whether nothing has to follow."""
        return not (self.is_continued or self.opened or self.word == "@")

    def has(self, lead: str) -> bool:
        """Whether a statement with this indentation stands in an open block, or in the one just opened."""
        inner = self.blocks[-1].lead
        if self.opened:
            return lead.startswith(inner) and lead != inner
        return lead == inner if self.word == "@" else any(block.lead == lead for block in self.blocks)

    def takes(self, word: str, columns: int) -> bool:
        """Whether a statement that begins so may come next in the block at `columns`."""
        if self.word == "@":
            return word in _DECORATED
        if self.opened:
            return word == "case" if self.word == "match" else word not in _BRANCHES
        here = next((one for one in self.blocks if one.columns == columns), None)
        ended = next((one.header for one in self.blocks if one.columns > columns), self.word)
        if here is not None and here.header == "match":
            return word == "case"
        return ended in _BRANCHES[word] if word in _BRANCHES else ended != "try"

    def behind(self, line: Line, block: _Block | None = None) -> _State:
        """Return what is open behind `line`, which begins a statement in `block` unless it goes on with one."""
        if block is None and not self.is_continued:  # blank, or a comment
            return self
        word = self.word if block is None else _word(line.raw)
        blocks = self.blocks if block is None else self._with(block)
        return _State(blocks, not line.is_continued and line.last == ":", word, line)

    def _with(self, block: _Block) -> tuple[_Block, ...]:
        outer = tuple(one for one in self.blocks if one.columns < block.columns)
        known = next((one for one in self.blocks if one.columns == block.columns), None)
        if known is not None:
            return (*outer, replace(known, lead=block.lead))
        is_slip = outer and len(outer) < len(self.blocks)
        return outer if is_slip else (*outer, replace(block, header=self.word if self.opened else ""))


@dataclass(frozen=True)
class PythonBlocks:
    """The blocks around a cursor.

    Attributes:
        cursor: the place.
        state: at the begin of its line.
        below: indentation and first word of the next statement, None for none and for one that fits nowhere as it is.
        unit: one step of indentation as the block around writes it.
    """

    cursor: Cursor
    state: _State
    below: tuple[str, str] | None
    unit: str

    @classmethod
    def at(cls, cursor: Cursor) -> PythonBlocks:
        """Return the blocks that are open at `cursor`, which stands in Python."""
        state = _state_behind(cursor.prefix[_start(cursor) : len(cursor.prefix) - len(cursor.before)])
        below = None if state.is_continued else _statement_below(cursor.suffix)
        if below is not None and not state.has(below[0]):
            below = None
        elif below is not None and not state.takes(below[1], measure_indentation(below[0])):
            below = (below[0], "")
        return cls(cursor, state, below, _unit(state, cursor.unit))

    def compute_padding(self) -> str | None:
        """Return what a blank line lacks to the next column that a line may begin at; None where none fits."""
        before = self.cursor.before
        fitting = [lead for lead in self._leads() if lead.startswith(before)]
        if self.state.is_continued or not before or (not fitting and self._admits(before)):
            return ""
        return min(fitting, key=len)[len(before) :] if fitting else None

    def fit(self, text: str) -> str:
        """Return `text`, which continues the cursor's line, up to the last line that stands in an open block.

        Its lines get the indentation of their blocks as the document writes it. On a blank line above a deeper
        line, code that cannot be that line's header is moved to its column.
        """
        kept, before = self._fit(text), self.cursor.before
        is_above = self.below is not None and not self.state.opened and self.below[0].startswith(before)
        if kept or not before or before.strip() or self.below is None or not is_above:
            return kept
        lacking = self.below[0][len(before) :]
        return self._fit(lacking + re.sub(r"\n(?=[^\n])", "\n" + lacking, text)) if lacking else ""

    def _fit(self, text: str) -> str:
        before, state = self.cursor.before, self.state
        made, kept = "", ""
        quote, unclosed = (state.line.quote, state.line.unclosed) if state.line is not None else ("", "")
        for number, line in enumerate(read_lines(before + text, quote, unclosed, statement=_STATEMENT)):
            begun = number == 0 and bool(before.strip())
            body = line.raw.lstrip(" \t")
            if state.is_continued or not body:
                placed, state = line.raw, state.behind(line)
            else:
                block = self._block(line.raw[: len(line.raw) - len(body)], state, is_first=number == 0)
                is_comment = body[0] == "#"
                if block is None or not (begun or is_comment or state.takes(_word(body), block.columns)):
                    break
                placed, state = block.lead + body, state.behind(line, None if is_comment else block)
            made += "\n" + placed if number else placed
            if begun or (body and self._leads_to_below(state)):
                kept = made
        return kept[len(before) :]

    def _leads_to_below(self, state: _State) -> bool:
        if self.below is None or not state.is_finished:
            return True
        lead, word = self.below
        return state.has(lead) and (not word or state.takes(word, measure_indentation(lead)))

    def _leads(self) -> list[str]:
        """Return the indentations at which the cursor's line may begin, the block just opened at its usual one.

        Where the line below is deeper than that, the cursor's line may be the header that it lacks.
        """
        blocks = self.state.blocks
        if self.state.opened:
            usual = blocks[-1].lead + self.unit
            if self.below is None or not self.below[0].startswith(usual):
                return [usual if self.below is None else self.below[0]]
            return list(dict.fromkeys((usual, self.below[0])))
        if self.state.word == "@":
            return [blocks[-1].lead]
        leads = [block.lead for block in blocks]
        if self.below is None:
            return leads
        deep = leads.index(self.below[0])
        return [*(block.lead for block in blocks[:deep] if self._has_branch(block)), *leads[deep:]]

    def _has_branch(self, block: _Block) -> bool:
        """Whether an `else` or its like may stand in `block` next, as the header of the deeper line below."""
        return any(self.state.takes(word, block.columns) for word in _BRANCHES)

    def _admits(self, lead: str) -> bool:
        """Return whether the cursor's line may begin so; a new block may be as deep as a person likes."""
        return lead in self._leads() or (self.state.opened and self.below is None and self.state.has(lead))

    def _block(self, lead: str, state: _State, *, is_first: bool) -> _Block | None:
        """Return the block of a line that begins a statement, None for none."""
        columns, inner = measure_indentation(lead), state.blocks[-1]
        if is_first and (self.cursor.before.strip() or (state.opened and self._admits(lead))):
            return _Block(lead, columns)
        if state.opened and is_first:
            known = next((one for one in self._leads() if measure_indentation(one) == columns), None)
            return _Block(known, columns) if known is not None and known.startswith(self.cursor.before) else None
        if state.opened:
            return _Block(inner.lead + self.unit, columns) if columns > inner.columns else None
        found = next((one for one in state.blocks if one.columns == columns), None)
        if found is None or (state.word == "@" and found != inner):
            return None
        return found if not is_first or found.lead.startswith(self.cursor.before) else None


def _unit(state: _State, usual: str) -> str:
    """Return the step from the block around to the innermost one, or the document's usual one."""
    if len(state.blocks) == 1:
        return usual
    outer, inner = state.blocks[-2].lead, state.blocks[-1].lead
    return inner.removeprefix(outer) if inner.startswith(outer) else usual


def _word(line: str) -> str:
    """Return what a statement begins with, "" for no word."""
    found = _WORD.match(line.lstrip(" \t"))
    return found.group(1) if found else ""


def _statement_below(suffix: str) -> tuple[str, str] | None:
    """Return indentation and first word of the first statement below the cursor's line."""
    for line in suffix.split("\n")[1:]:
        body = line.lstrip(" \t")
        if body.strip() and body[0] != "#":
            return line[: len(line) - len(body)], _word(body)
    return None


def _start(cursor: Cursor) -> int:
    """Return where in the window reading begins: at a statement at the top, which stands in no block and no string.

    Strings are told by counting: an even number of triple quotes before it.
    """
    text, prefix = cursor.document.text, cursor.prefix
    tops = [found.start() for found in _TOP.finditer(prefix, 0, len(prefix) - len(cursor.before))]
    counts = {quote: text.count(quote, 0, cursor.offset) for quote in ('"""', "'''")}
    for top in reversed(tops[-_TOPS:]):
        if not any((count - prefix.count(quote, top)) % 2 for quote, count in counts.items()):
            return top
    return 0 if len(prefix) >= cursor.offset or not tops else tops[0]


@lru_cache(maxsize=4)  # the same while one types in a line
def _state_behind(above: str) -> _State:
    """Return what is open behind `above`, which begins outside of everything."""
    state = _State()
    for line in read_lines(above.removesuffix("\n"), statement=_STATEMENT):
        body = line.raw.lstrip(" \t")
        block = None
        if not state.is_continued and body and body[0] != "#":
            lead = line.raw[: len(line.raw) - len(body)]
            block = _Block(lead, measure_indentation(lead))
        state = state.behind(line, block)
    return state
