"""Memory of the index for closed texts: none is kept."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

from indexing.limits import IndexLimits
from indexing.snapshots import Sources
from indexing.syntax.documents import Document
from indexing.syntax.grammars import load

if TYPE_CHECKING:
    from pathlib import Path

PARSES = 40
TEXT = b"".join(b"value_%d = area(%d)\n" % (line, line) for line in range(2000))
SHORT_TEXT = TEXT[:4_000]  # what is kept is kept of each parse, however long its text is
MOST_BYTES_A_PARSE = 200  # traced memory is not still; a leaked view alone takes as much


def measure_leaked_bytes() -> int:
    """Parse many texts; return the bytes that the later half of the parses leave allocated."""
    grammar = load("python")
    assert grammar is not None
    tracemalloc.start()
    try:
        before = 0
        for number in range(2 * PARSES):
            assert grammar.parse(b"first = %d\n" % number + SHORT_TEXT) is not None
            if number == PARSES:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_parsing_keeps_nothing_of_the_text() -> None:
    assert measure_leaked_bytes() < PARSES * MOST_BYTES_A_PARSE


def test_a_text_longer_than_one_piece_is_parsed_whole() -> None:
    grammar = load("python")
    assert grammar is not None
    text = TEXT * 5
    tree = grammar.parse(text)
    whole = grammar.parse_whole(text)
    assert tree is not None
    assert whole is not None
    assert (str(tree.root_node), tree.root_node.end_byte) == (str(whole.root_node), len(text))


def test_nothing_is_remembered_of_closed_documents(tmp_path: Path) -> None:
    sources = Sources((), tmp_path, IndexLimits())
    sizes = []
    for number in range(3):
        uris = [f"untitled:Untitled-{number}-{each}" for each in range(20)]
        for uri in uris:
            sources.open_document(Document(uri, None, "python", "x = 1\n"), shared=True)
        ids = [key[1] for key in sources.make_snapshot().opened]
        assert len(set(ids)) == len(uris)
        for uri in uris:
            sources.close_document(uri)
        sizes.append(len(sources._opened) + len(sources._made_ids))
    assert sizes == [0, 0, 0]
