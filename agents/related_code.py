"""Workspace code that is related to a piece, from the index: the definitions that it uses, and its users. For prompts.

Never includes text of the piece itself, or of a file that the exclusion filter keeps from models. When the deadline has
passed, returns what it has found until then. Start at `collect`.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from agents import outlines
from agents.prompting import NOTHING, fence
from indexing.records import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.pieces import Piece
    from indexing.index import Index
    from indexing.records import Hit
    from indexing.syntax.documents import Span


DEADLINE_S = 1.0
_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")
_MOST_NAMES = 24
_MOST_CALLEES = 6
_MOST_CALLERS = 3
_LONGEST_TEXT = 4_000  # characters of one definition: a longer one would leave no room for others


def collect(piece: Piece, index: Index, fits: Callable[[str], bool]) -> str:
    """Return code that `piece` uses or that uses the piece, each fenced; "(nothing)" if there is none.

    Functions of the same file come first, then definitions, then other users; only the start of long ones is shown.
    `fits` returns whether the prompt with a given text still fits the model; code that does not fit is skipped.
    """
    chosen: list[str] = []
    for title, text in _iterate_related(piece, index):
        more = fence(text[:_LONGEST_TEXT], title)
        if more not in chosen and fits("\n\n".join([*chosen, more])):
            chosen.append(more)
    return "\n\n".join(chosen) or NOTHING


def collect_signatures(piece: Piece, index: Index, fits: Callable[[str], bool], *, whole: bool = False) -> str:
    """Return fenced signatures of definitions that `piece` uses, as many as `fits` allows; "" for none.

    Up to `_MOST_CALLEES` of them are from other files.

    With `whole`, definitions of the piece's own file are left out, because the prompt shows the whole file already.
    """
    used = tuple(dict.fromkeys(_IDENTIFIER.findall(piece.text)))[:_MOST_NAMES]
    inside = {one.name for one in piece.syntax.symbols if _contains(piece.span, one.span)}
    own = (
        []
        if whole
        else [
            (piece.title, outlines.extract_signature(piece.document.text[one.span.start : one.span.end], one.name))
            for one in piece.syntax.symbols
            if one.name in used and one.name not in inside and not one.container and not _contains(one.span, piece.span)
        ]
    )
    deadline = time.monotonic() + DEADLINE_S
    known = {one.name for one in piece.syntax.symbols}
    others = tuple(name for name in used if name not in known)
    hits = (
        index.find_definitions(others, document=piece.document, limit=_MOST_CALLEES, deadline=deadline)
        if others
        else ()
    )
    found = [
        (hit.relative, outlines.extract_signature(hit.text, hit.name.rpartition(".")[2]))
        for hit in _drop_excluded(hits, index)
    ]
    by_title: dict[str, list[str]] = {}
    for title, text in dict.fromkeys([*own, *found]):
        more = {**by_title, title: [*by_title.get(title, []), text]}
        if fits(_fence_all(more)):
            by_title = more
    return _fence_all(by_title)


def _fence_all(by_title: dict[str, list[str]]) -> str:
    """Return one fence for each title, with all of its texts inside."""
    return "\n\n".join(fence("\n".join(texts), title) for title, texts in by_title.items())


def _contains(outer: Span, inner: Span) -> bool:
    """Return whether `inner` lies in `outer`, or equals it."""
    return outer.start <= inner.start and inner.end <= outer.end


def _iterate_related(piece: Piece, index: Index) -> Iterator[tuple[str, str]]:
    """Yield (title, text) of related code: in the same file, then definitions and users of the piece elsewhere."""
    deadline = time.monotonic() + DEADLINE_S
    name = piece.name
    used = tuple(dict.fromkeys(_IDENTIFIER.findall(piece.text)))[:_MOST_NAMES]
    calls = re.compile(rf"\b{re.escape(name)}\b") if name else None
    yield from _iterate_own_file(piece, used, calls)
    hits = index.find_definitions(used, document=piece.document, limit=_MOST_CALLEES, deadline=deadline) if used else ()
    yield from ((f"{hit.relative}, used here", hit.text) for hit in _drop_excluded(hits, index))
    if calls is not None:
        hits = index.search(Query(name, path=piece.document.path), limit=2 * _MOST_CALLERS, deadline=deadline)
        users = [hit for hit in _drop_excluded(hits, index) if calls.search(hit.text)]
        yield from ((f"{hit.relative}, uses {name}", hit.text) for hit in users[:_MOST_CALLERS])


def _iterate_own_file(piece: Piece, used: tuple[str, ...], calls: re.Pattern[str] | None) -> Iterator[tuple[str, str]]:
    """Yield (title, text) of functions of the same file that the piece uses, or whose text has a match of `calls`."""
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


def _drop_excluded(hits: tuple[Hit, ...], index: Index) -> Iterator[Hit]:
    """Return the hits whose file models may see now; the exclusion filter may have changed since they were indexed."""
    return (hit for hit in hits if not index.find_exclusion_reason(hit.path))
