"""What a closed index leaves in the process: nothing of the texts that were open."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from indexing import relexing, segments
from indexing.index import Index
from indexing.records import Document, Query
from tests.indexing.conftest import LIMITS

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "def area_of_circle(radius):\n    return radius\n" * 200


def test_a_closed_index_keeps_no_text_that_was_open(tmp_path: Path) -> None:
    path = tmp_path / "root" / "circle.py"
    path.parent.mkdir()
    with contextlib.closing(Index([tmp_path / "root"], storage=tmp_path / "index", limits=LIMITS)) as index:
        index.start()
        index.put(Document(path.as_uri(), path, "python", TEXT))
        assert index.wait(60)
        assert index.search(Query("area_of_circle"))
        relexing.tokens_of(TEXT)
        assert segments._bundle.cache_info().currsize > 0
        assert relexing._LEXER.kept
    assert segments._bundle.cache_info().currsize == 0
    assert relexing._LEXER.kept == ()
    assert relexing.tokens_of.cache_info().currsize == 0
