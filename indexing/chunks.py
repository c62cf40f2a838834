"""Cuts a text into what is ranked and shown: definitions by syntax, and overlapping windows of lines over all of it.

Windows find what definitions miss (code between and across them, and every text without a grammar); definitions give a
hit its name and its natural bounds. Windows with BM25 found 5 to 6 points more exact matches than functions alone in
repository completion (RepoCoder's ablations; see `tests/eval`). Reads nothing, parses nothing. Start at `cut`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.records import Chunk
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexing.syntax.documents import Symbol

WINDOW_LINES = 20
WINDOW_STEP = 10
DEFINITION_LINES = 60  # a longer definition is cut into pieces
PIECE_LINES = 40
PIECE_STEP = 30
MAX_CHUNKS = 4000  # of one file: what comes behind is not worth ranking

_KINDS = {
    "function": "function",
    "method": "function",
    "macro": "function",
    "class": "class",
    "interface": "class",
    "module": "class",
    "type": "class",
}


def cut(text: str, symbols: Sequence[Symbol] = ()) -> list[Chunk]:
    """Chunks of `text`, whole lines each, definitions first; nothing for an empty text.

    Args:
        text: the file.
        symbols: its definitions in order of appearance; none for a text without a grammar.
    """
    if not text.strip():
        return []
    starts = texts.line_starts(text)
    lines = len(starts) - (1 if starts[-1] == len(text) and len(starts) > 1 else 0)
    ends = [*starts[1:], len(text)]
    chunks: list[Chunk] = []
    spans = [(texts.line_of(starts, each.span.start), _last_line(starts, each.span)) for each in symbols]
    for index, symbol in enumerate(symbols):
        kind = _KINDS.get(symbol.kind)
        if kind is None:
            continue
        first, last = spans[index]
        if kind == "class":
            last = _head_end(symbols, spans, index)
        name = f"{symbol.container}.{symbol.name}" if symbol.container else symbol.name
        step, size = (PIECE_STEP, PIECE_LINES) if last - first > DEFINITION_LINES else (DEFINITION_LINES,) * 2
        for at in range(first, last, step):
            end = min(at + size, last)
            chunks.append(Chunk(Span(starts[at], ends[end - 1]), at, end, kind, name))
            if end == last:
                break
    for at in range(0, lines, WINDOW_STEP):
        end = min(at + WINDOW_LINES, lines)
        chunks.append(Chunk(Span(starts[at], ends[end - 1]), at, end, "window"))
        if end == lines:
            break
    return chunks[:MAX_CHUNKS]


def _last_line(starts: list[int], span: Span) -> int:
    """The line after the last one of `span`."""
    return texts.line_of(starts, max(span.start, span.end - 1)) + 1


def _head_end(symbols: Sequence[Symbol], spans: Sequence[tuple[int, int]], index: int) -> int:
    """The line after a class's head: up to its first function, which is a chunk of its own."""
    first, last = spans[index]
    span = symbols[index].span
    for inner in range(index + 1, len(symbols)):
        if symbols[inner].span.start >= span.end:
            break
        if _KINDS.get(symbols[inner].kind) is not None and spans[inner][0] > first:
            return min(last, spans[inner][0])
    return last
