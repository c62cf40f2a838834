"""Results of a search and of recall, made from what a snapshot finds. Start at `make_hits` and `make_recalled`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.records import Hit, Recalled
from indexing.syntax.texts import decode, find_line, find_line_starts
from indexing.workspace.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from indexing.recall.recall import RecallMatch
    from indexing.records import Chunk
    from indexing.segments import FileKey, Ranked
    from indexing.snapshots import Snapshot
    from indexing.syntax.documents import Document


def make_hits(
    snapshot: Snapshot,
    ranked: Iterable[Ranked],
    limit: int,
    *,
    is_shown: Callable[[Path, Document | None], bool],
    read_text: Callable[[Path, Document | None], str | None],
) -> tuple[tuple[Hit, ...], list[Path]]:
    """Return up to `limit` hits for those of `ranked` that may be shown, and the files that no longer have their chunk.

    Args:
        snapshot: the state of the index that the chunks were found in.
        ranked: chunks, best first.
        limit: number of hits.
        is_shown: returns whether a file, and its document if it is open, may be shown now.
        read_text: returns the current text of a file, or of its document if it is open; None if it is gone.
    """
    hits: list[Hit] = []
    stale: list[Path] = []
    texts: dict[FileKey, str | None] = {}
    for each in ranked:
        if len(hits) == limit:
            break
        if snapshot.view.is_library(each.key):
            if (library := _make_library_hit(snapshot, each)) is not None:
                hits.append(library)
            continue
        chunk = snapshot.view.read_chunk(each.key, each.chunk)
        piece = snapshot.view.read_text(each.key, chunk.span)
        path = snapshot.resolve_path(each.key)
        opened = snapshot.opened.get(each.key)
        document = opened.document if opened is not None else None
        if not is_shown(path, document):
            continue  # the rules have changed since it was indexed
        if each.key not in texts:
            texts[each.key] = read_text(path, document)
        first_line = _find_line(texts[each.key], chunk, piece)
        if first_line is None:
            stale.append(path)
            continue
        last_line = first_line + chunk.last_line - chunk.first_line
        relative = snapshot.view.read_relative_path(each.key)
        hits.append(Hit(path, relative, first_line, last_line, piece, each.score, chunk.name))
    return tuple(hits), stale


def _make_library_hit(snapshot: Snapshot, ranked: Ranked) -> Hit | None:
    """Return the hit for a chunk of an installed library, as it was indexed; None if its file is gone."""
    relative = snapshot.view.read_relative_path(ranked.key)
    path = snapshot.find_library_path(ranked.key[0], relative)
    if path is None:
        return None
    chunk = snapshot.view.read_chunk(ranked.key, ranked.chunk)
    text = snapshot.view.read_text(ranked.key, chunk.span)
    return Hit(path, relative, chunk.first_line, chunk.last_line, text, ranked.score, chunk.name, is_library=True)


def make_recalled(
    snapshot: Snapshot, matches: Iterable[RecallMatch], document: Document, own: FileKey | None
) -> tuple[Recalled, ...]:
    """Return a record for each of `matches`, found for `document` with the file key `own` (None: not indexed)."""
    result = []
    for match in matches:
        same = match.key is None or match.key == own
        source = snapshot.view.read_relative_path(match.key) if match.key is not None else _get_document_name(document)
        result.append(
            Recalled(
                match.text,
                match.matched_tokens,
                match.agreement,
                match.votes,
                same,
                source,
                match.confidence,
                match.column,
                match.key is not None and snapshot.view.is_library(match.key),
            )
        )
    return tuple(result)


def read_file(path: Path, limit: int) -> str | None:
    """Return the text of the file at `path`; None if it has more than `limit` bytes or cannot be read."""
    try:
        data, _ = read_regular(path, limit + 1)
    except OSError:
        return None
    return decode(data) if len(data) <= limit else None


def _find_line(text: str | None, chunk: Chunk, piece: str) -> int | None:
    """Return the number, from 0, of the line of `text` that begins with `piece`, the indexed text of `chunk`.

    None if `text` is None, or `piece` is not at the start of a line of it.
    """
    if text is None:
        return None
    if text.startswith(piece, chunk.span.start):
        before = chunk.span.start
        if before == 0 or text[before - 1] in "\r\n":
            return find_line(find_line_starts(text[: before + 1]), before)
    at = text.find(piece)
    while at > 0 and text[at - 1] not in "\r\n":
        at = text.find(piece, at + 1)
    if at < 0:
        return None
    return find_line(find_line_starts(text[: at + 1]), at)


def _get_document_name(document: Document) -> str:
    """Return the file name of `document`, or its URI if it has no file."""
    return document.path.name if document.path is not None else document.uri
