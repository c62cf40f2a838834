"""The parse cache: trees are made from the last version's, kept for a few documents, and dropped with theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax
from indexing.syntax.trees import KEPT, SyntaxTrees

DOCUMENT = Document("file:///a.py", None, "python", "x = 1\n", 1)


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Record each parse: its text, and whether an earlier tree was at hand."""
    calls: list[tuple[str, bool]] = []
    real = Syntax.of

    def record(document: Document, previous: Syntax | None = None) -> Syntax:
        calls.append((document.text, previous is not None))
        return real(document, previous)

    monkeypatch.setattr(Syntax, "of", record)
    return calls


def test_a_text_is_parsed_once_and_the_next_version_from_its_tree(parses: list[tuple[str, bool]]) -> None:
    trees = SyntaxTrees()
    first = trees.of(DOCUMENT)
    assert trees.of(replace(DOCUMENT, version=2)) is first
    trees.of(replace(DOCUMENT, text="x = 12\n", version=3))
    assert parses == [("x = 1\n", False), ("x = 12\n", True)]


def test_a_tree_is_known_for_exactly_its_text_and_language() -> None:
    trees = SyntaxTrees()
    assert not trees.is_cached(DOCUMENT)
    trees.of(DOCUMENT)
    assert trees.is_cached(DOCUMENT)
    assert not trees.is_cached(replace(DOCUMENT, text="x = 2\n"))
    assert not trees.is_cached(replace(DOCUMENT, language="rust"))


def test_a_document_that_changes_its_language_is_parsed_from_nothing(parses: list[tuple[str, bool]]) -> None:
    trees = SyntaxTrees()
    trees.of(DOCUMENT)
    trees.of(replace(DOCUMENT, language="javascript"))
    assert parses == [("x = 1\n", False), ("x = 1\n", False)]


def test_trees_of_the_documents_used_last_are_kept() -> None:
    trees = SyntaxTrees()
    documents = [replace(DOCUMENT, uri=f"file:///{number}.py") for number in range(KEPT + 1)]
    for document in documents:
        trees.of(document)
    assert [trees.is_cached(document) for document in documents] == [False] + [True] * KEPT


def test_a_forgotten_document_has_no_tree() -> None:
    trees = SyntaxTrees()
    trees.of(DOCUMENT)
    trees.forget(DOCUMENT.uri)
    assert not trees.is_cached(DOCUMENT)
