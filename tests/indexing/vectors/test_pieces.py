"""Pieces of a file that get a vector, and the text that a model sees of them."""

from __future__ import annotations

from indexing.chunks import cut
from indexing.records import Chunk
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax
from indexing.vectors.pieces import MOST_CHARACTERS, choose_pieces, describe_piece


def list_pieces(text: str, language: str) -> list[tuple[str, str]]:
    """Return kind and name of the pieces of a text that get a vector."""
    symbols = Syntax.of(Document("file:///a", None, language, text)).symbols
    chunks = cut(text, symbols)
    return [(chunks[ordinal].kind, chunks[ordinal].name) for ordinal in choose_pieces(chunks)]


def test_definitions_get_a_vector_and_windows_inside_of_them_do_not() -> None:
    body = "".join(f"    x = {number}\n" for number in range(30))
    assert list_pieces(f"def first():\n{body}\n\ndef second():\n{body}", "python") == [
        ("function", "first"),
        ("function", "second"),
    ]


def test_text_without_definitions_is_covered_by_windows() -> None:
    assert list_pieces("A line of prose.\n" * 30, "markdown") == [("window", "")] * 2


def test_a_window_that_is_half_outside_of_definitions_counts() -> None:
    spans = Span(0, 1)
    chunks = [Chunk(spans, 0, 9, "function", "f"), Chunk(spans, 0, 20, "window"), Chunk(spans, 0, 18, "window")]
    assert choose_pieces(chunks) == [0, 1]


def test_the_model_sees_path_name_and_the_beginning_of_the_code() -> None:
    assert describe_piece("src/a.py", "Cup.fill", "def fill(): ...") == "src/a.py Cup.fill\ndef fill(): ..."
    assert describe_piece("notes.md", "", "text") == "notes.md\ntext"
    assert len(describe_piece("a", "", "x" * 10_000)) == MOST_CHARACTERS + 2
