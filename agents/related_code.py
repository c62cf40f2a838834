"""What of the workspace has to do with a piece of code: what it calls, and who calls it, from the index.

Never takes from a file that the exclusion filter keeps from models, nor from the piece itself. Ends in time with what
is there. Start at `gathered`.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from agents import outlines
from agents.prompting import NOTHING, fenced
from indexing.records import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.pieces import Piece
    from indexing.index import Index
    from indexing.records import Hit
    from indexing.syntax.documents import Span


DEADLINE_S = 1.0


_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")


_NAMES = 24


_CALLEES = 6


_CALLERS = 3


_LONGEST = 4_000  # characters of one piece: a longer one pushes out all others


def gathered(piece: Piece, index: Index, fits: Callable[[str], bool]) -> str:
    """Definitions of what `piece` uses, then places that use it, each fenced; as many as `fits` lets through.

    `fits` says whether a prompt that holds such a text still fits the model.
    """
    taken: list[str] = []
    for title, text in _found(piece, index):
        more = fenced(text[:_LONGEST], title)
        if more not in taken and fits("\n\n".join([*taken, more])):
            taken.append(more)
    return "\n\n".join(taken) or NOTHING


def signatures(piece: Piece, index: Index, fits: Callable[[str], bool], *, whole: bool = False) -> str:
    """Return fenced signatures of what `piece` uses, of the same file and of others, as many as `fits` allows, or "".

    With `whole`, the rest of the file is shown already.
    """
    used = tuple(dict.fromkeys(_IDENTIFIER.findall(piece.text)))[:_NAMES]
    inside = {one.name for one in piece.syntax.symbols if _holds(piece.span, one.span)}
    own = (
        []
        if whole
        else [
            (piece.title, outlines.signature_of(piece.document.text[one.span.start : one.span.end], one.name))
            for one in piece.syntax.symbols
            if one.name in used and one.name not in inside and not one.container and not _holds(one.span, piece.span)
        ]
    )
    deadline = time.monotonic() + DEADLINE_S
    known = {one.name for one in piece.syntax.symbols}
    others = tuple(name for name in used if name not in known)
    hits = index.definitions(others, document=piece.document, limit=_CALLEES, deadline=deadline) if others else ()
    found = [
        (hit.relative, outlines.signature_of(hit.text, hit.name.rpartition(".")[2])) for hit in _allowed(hits, index)
    ]
    by_title: dict[str, list[str]] = {}
    for title, text in dict.fromkeys([*own, *found]):
        more = {**by_title, title: [*by_title.get(title, []), text]}
        if fits(_fenced_all(more)):
            by_title = more
    return _fenced_all(by_title)


def _fenced_all(by_title: dict[str, list[str]]) -> str:
    return "\n\n".join(fenced("\n".join(texts), title) for title, texts in by_title.items())


def _holds(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _found(piece: Piece, index: Index) -> Iterator[tuple[str, str]]:
    deadline = time.monotonic() + DEADLINE_S
    name = piece.name
    used = tuple(dict.fromkeys(_IDENTIFIER.findall(piece.text)))[:_NAMES]
    calls = re.compile(rf"\b{re.escape(name)}\b") if name else None
    yield from _own(piece, used, calls)
    hits = index.definitions(used, document=piece.document, limit=_CALLEES, deadline=deadline) if used else ()
    yield from ((f"{hit.relative}, used here", hit.text) for hit in _allowed(hits, index))
    if calls is not None:
        hits = index.search(Query(name, path=piece.document.path), limit=2 * _CALLERS, deadline=deadline)
        users = [hit for hit in _allowed(hits, index) if calls.search(hit.text)]
        yield from ((f"{hit.relative}, uses {name}", hit.text) for hit in users[:_CALLERS])


def _own(piece: Piece, used: tuple[str, ...], calls: re.Pattern[str] | None) -> Iterator[tuple[str, str]]:
    """Functions of the same file that the piece uses, or that use it."""
    for symbol in piece.syntax.symbols:
        other = symbol.span
        overlaps = other.start < piece.span.end and piece.span.start < other.end
        if symbol.kind not in {"function", "method"} or overlaps:
            continue
        text = piece.document.text[other.start : other.end]
        if symbol.name in used:
            yield f"the same file, {symbol.name} is used here", text
        elif calls is not None and calls.search(text):
            yield f"the same file, uses {piece.name}", text


def _allowed(hits: tuple[Hit, ...], index: Index) -> Iterator[Hit]:
    """Without those whose file a model may not see: the filter may know more than when they were indexed."""
    return (hit for hit in hits if not index.exclusion(hit.path))
