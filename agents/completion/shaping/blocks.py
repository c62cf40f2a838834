"""The blocks that are open at a place in Python: the indentations at which the lines of a suggestion may begin.

Indentations are compared as they are written, with tabs and spaces, as Python does. Never parses, so it works on broken
code. Start at `PythonBlocks.at`.
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
# No line within brackets begins with these words: before such a line, a bracket was left open by mistake.
_STATEMENT = re.compile(
    r"[ \t]*(?:(?:async[ \t]+def|def|class|return|import|raise|with|while|del|pass|break|continue|assert)\b"
    r"|try[ \t]*:|@\w)"
)
_TOPS = 50  # the most statements at the top level that are tried as the start, the nearest first
_WORD = re.compile(r"(?:async[ \t]+)?(\w+|@)")
_DECORATED = frozenset({"def", "class", "@"})
# Branches of compound statements, each with the headers that it may follow.
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
        lead: the indentation of its lines, as written.
        columns: width of that indentation in the text that is being read.
        header: first word of the statement that opened it, "" for none.
    """

    lead: str
    columns: int
    header: str = ""


@dataclass(frozen=True, slots=True)
class _State:
    """The open brackets, strings and blocks at the start of a line.

    Attributes:
        blocks: the open blocks, outermost first.
        opened: whether the last statement is a header, whose block begins with the next statement.
        word: first word of the last statement, complete or not; "@" for a decorator.
        line: the line above; None at the start of the text.
    """

    blocks: tuple[_Block, ...] = (_Block("", 0),)
    opened: bool = False
    word: str = ""
    line: Line | None = None

    @property
    def is_continued(self) -> bool:
        """Whether the line continues the statement above, so that it may begin at any column."""
        return self.line is not None and self.line.is_continued

    @property
    def is_finished(self) -> bool:
        """Whether the last statement is complete and is neither a header without a body nor a decorator."""
        return not (self.is_continued or self.opened or self.word == "@")

    def can_indent(self, lead: str) -> bool:
        """Return whether a statement with the indentation `lead` may come next: in an open block or a new one."""
        inner = self.blocks[-1].lead
        if self.opened:
            return lead.startswith(inner) and lead != inner
        return lead == inner if self.word == "@" else any(block.lead == lead for block in self.blocks)

    def can_begin(self, word: str, columns: int) -> bool:
        """Return whether a statement that begins with `word` may come next in the block at `columns`."""
        if self.word == "@":
            return word in _DECORATED
        if self.opened:
            return word == "case" if self.word == "match" else word not in _BRANCHES
        here = next((one for one in self.blocks if one.columns == columns), None)
        ended = next((one.header for one in self.blocks if one.columns > columns), self.word)
        if here is not None and here.header == "match":
            return word == "case"
        return ended in _BRANCHES[word] if word in _BRANCHES else ended != "try"

    def advance(self, line: Line, block: _Block | None = None) -> _State:
        """Return the state after `line`.

        `block` is the block of the statement that begins in the line; None if none does.
        """
        if block is None and not self.is_continued:  # blank, or a comment
            return self
        word = self.word if block is None else _read_first_word(line.raw)
        blocks = self.blocks if block is None else self._enter(block)
        return _State(blocks, not line.is_continued and line.last == ":", word, line)

    def _enter(self, block: _Block) -> tuple[_Block, ...]:
        """Return the blocks that are open at a statement in `block`: those around it and the block itself.

        The block is left out if its column is between those of open blocks, which is a mistake in the code.
        """
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
        cursor: the cursor.
        state: the state at the start of its line.
        below: indentation and first word of the next statement below; the word is "" if the statement cannot come next.
            None if there is no statement below, or its indentation is that of no open block.
        unit: one step of indentation, as the innermost block has it.
    """

    cursor: Cursor
    state: _State
    below: tuple[str, str] | None
    unit: str

    @classmethod
    def at(cls, cursor: Cursor) -> PythonBlocks:
        """Return the blocks that are open at `cursor` in a Python document."""
        state = _read_state(cursor.prefix[_find_start(cursor) : len(cursor.prefix) - len(cursor.before)])
        below = None if state.is_continued else _find_statement_below(cursor.suffix)
        if below is not None and not state.can_indent(below[0]):
            below = None
        elif below is not None and not state.can_begin(below[1], measure_indentation(below[0])):
            below = (below[0], "")
        return cls(cursor, state, below, _find_unit(state, cursor.unit))

    def compute_padding(self) -> str | None:
        """Return the white space that is missing on the cursor's blank line up to the next possible indentation.

        "" if none is missing, None if no possible indentation begins with the existing one.
        """
        before = self.cursor.before
        fitting = [lead for lead in self._list_indentations() if lead.startswith(before)]
        if self.state.is_continued or not before or (not fitting and self._can_begin_line(before)):
            return ""
        return min(fitting, key=len)[len(before) :] if fitting else None

    def fit(self, text: str) -> str:
        """Return the longest beginning of `text` whose lines are all in open blocks; "" if nothing fits.

        `text` continues the cursor's line; the result ends where the statement below the cursor may follow. Lines get
        the indentation of their block as the document writes it. If nothing fits on a blank line above a deeper line,
        `text` is indented like that line and tried again.
        """
        kept, before = self._fit_lines(text), self.cursor.before
        is_above = self.below is not None and not self.state.opened and self.below[0].startswith(before)
        if kept or not before or before.strip() or self.below is None or not is_above:
            return kept
        lacking = self.below[0][len(before) :]
        return self._fit_lines(lacking + re.sub(r"\n(?=[^\n])", "\n" + lacking, text)) if lacking else ""

    def _fit_lines(self, text: str) -> str:
        """Return the same as `fit`, but without a second attempt at the column of the line below."""
        before, state = self.cursor.before, self.state
        made, kept = "", ""
        quote, unclosed = (state.line.quote, state.line.unclosed) if state.line is not None else ("", "")
        for number, line in enumerate(read_lines(before + text, quote, unclosed, statement=_STATEMENT)):
            begun = number == 0 and bool(before.strip())
            body = line.raw.lstrip(" \t")
            if state.is_continued or not body:
                placed, state = line.raw, state.advance(line)
            else:
                block = self._find_block(line.raw[: len(line.raw) - len(body)], state, is_first=number == 0)
                is_comment = body[0] == "#"
                if block is None or not (begun or is_comment or state.can_begin(_read_first_word(body), block.columns)):
                    break
                placed, state = block.lead + body, state.advance(line, None if is_comment else block)
            made += "\n" + placed if number else placed
            if begun or (body and self._can_reach_below(state)):
                kept = made
        return kept[len(before) :]

    def _can_reach_below(self, state: _State) -> bool:
        """Return whether the statement below may come next; true if there is none or `state` is unfinished."""
        if self.below is None or not state.is_finished:
            return True
        lead, word = self.below
        return state.can_indent(lead) and (not word or state.can_begin(word, measure_indentation(lead)))

    def _list_indentations(self) -> list[str]:
        """Return the indentations that the cursor's line may have; in a new block the usual one, or that of its lines.

        The line may be less deep than the line below only where it can be a branch such as `else`.
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
        return [*(block.lead for block in blocks[:deep] if self._can_branch(block)), *leads[deep:]]

    def _can_branch(self, block: _Block) -> bool:
        """Return whether a branch such as `else` may come next in `block`."""
        return any(self.state.can_begin(word, block.columns) for word in _BRANCHES)

    def _can_begin_line(self, lead: str) -> bool:
        """Return whether the cursor's line may have the indentation `lead`; in a new block any deeper one will do."""
        return lead in self._list_indentations() or (
            self.state.opened and self.below is None and self.state.can_indent(lead)
        )

    def _find_block(self, lead: str, state: _State, *, is_first: bool) -> _Block | None:
        """Return the block of a suggested statement with the indentation `lead`.

        None if no block that is open in `state` has this indentation. `is_first` says that the statement begins on the
        cursor's line, whose existing indentation cannot be changed.
        """
        columns, inner = measure_indentation(lead), state.blocks[-1]
        if is_first and (self.cursor.before.strip() or (state.opened and self._can_begin_line(lead))):
            return _Block(lead, columns)
        if state.opened and is_first:
            known = next((one for one in self._list_indentations() if measure_indentation(one) == columns), None)
            return _Block(known, columns) if known is not None and known.startswith(self.cursor.before) else None
        if state.opened:
            return _Block(inner.lead + self.unit, columns) if columns > inner.columns else None
        found = next((one for one in state.blocks if one.columns == columns), None)
        if found is None or (state.word == "@" and found != inner):
            return None
        return found if not is_first or found.lead.startswith(self.cursor.before) else None


def _find_unit(state: _State, usual: str) -> str:
    """Return the step of indentation from the second innermost block to the innermost one; else `usual`."""
    if len(state.blocks) == 1:
        return usual
    outer, inner = state.blocks[-2].lead, state.blocks[-1].lead
    return inner.removeprefix(outer) if inner.startswith(outer) else usual


def _read_first_word(line: str) -> str:
    """Return the first word of a statement, without `async`; "@" for a decorator, "" for neither."""
    found = _WORD.match(line.lstrip(" \t"))
    return found.group(1) if found else ""


def _find_statement_below(suffix: str) -> tuple[str, str] | None:
    """Return indentation and first word of the first statement below the cursor's line; None without one."""
    for line in suffix.split("\n")[1:]:
        body = line.lstrip(" \t")
        if body.strip() and body[0] != "#":
            return line[: len(line) - len(body)], _read_first_word(body)
    return None


def _find_start(cursor: Cursor) -> int:
    """Return the offset in the cursor's prefix at which to start reading: a statement outside all blocks and strings.

    A statement is taken to be outside strings if the number of triple quotes before it is even. If none of the nearest
    `_TOPS` is, the offset is a guess.
    """
    text, prefix = cursor.document.text, cursor.prefix
    tops = [found.start() for found in _TOP.finditer(prefix, 0, len(prefix) - len(cursor.before))]
    counts = {quote: text.count(quote, 0, cursor.offset) for quote in ('"""', "'''")}
    for top in reversed(tops[-_TOPS:]):
        if not any((count - prefix.count(quote, top)) % 2 for quote, count in counts.items()):
            return top
    return 0 if len(prefix) >= cursor.offset or not tops else tops[0]


@lru_cache(maxsize=4)  # `above` stays the same while a person types in a line
def _read_state(above: str) -> _State:
    """Return the state after the lines `above`, which begin outside all blocks and strings."""
    state = _State()
    for line in read_lines(above.removesuffix("\n"), statement=_STATEMENT):
        body = line.raw.lstrip(" \t")
        block = None
        if not state.is_continued and body and body[0] != "#":
            lead = line.raw[: len(line.raw) - len(body)]
            block = _Block(lead, measure_indentation(lead))
        state = state.advance(line, block)
    return state
