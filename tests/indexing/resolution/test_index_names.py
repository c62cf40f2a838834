"""Names through the index: stored files, open documents, several roots, and files that may not be shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from indexing.syntax.documents import Document
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index
    from indexing.resolution.names import DocumentNames

WORKSPACE = """
    #- shapes.py
    class Square:
        def area(self, scale):
            return scale
    #- main.py
    from shapes import Square
    Square().area$0(1)
"""


def open_at(index: Index, root: Path, fixture: str) -> DocumentNames:
    """Return the names at the cursor of `fixture`, whose files are in `root`."""
    marked = parse(fixture)
    assert marked.cursor is not None
    path = root / marked.cursor[0]
    names = index.open_names(Document(path.as_uri(), path, "python", marked.text), marked.cursor[1])
    assert names is not None
    return names


def test_a_definition_is_found_and_its_code_can_be_read(make_index: Callable[..., Index], tmp_path: Path) -> None:
    index = make_index(parse(WORKSPACE).write(tmp_path))
    found = open_at(index, tmp_path, WORKSPACE).find_definitions()
    assert [(each.relative, each.qualified, each.line) for each in found] == [("shapes.py", "Square.area", 1)]
    hits = index.read_definitions(found)
    assert [(hit.relative, hit.first_line, hit.name) for hit in hits] == [("shapes.py", 1, "Square.area")]
    assert "return scale" in hits[0].text


def test_unsaved_text_of_another_document_counts(make_index: Callable[..., Index], tmp_path: Path) -> None:
    index = make_index(parse(WORKSPACE).write(tmp_path))
    path = tmp_path / "shapes.py"
    text = "import os\n\nclass Shape:\n    def area(self): ...\n\nclass Square(Shape): ...\n"
    index.open_document(Document(path.as_uri(), path, "python", text))
    assert [each.qualified for each in open_at(index, tmp_path, WORKSPACE).find_definitions()] == ["Shape.area"]
    index.close_document(path.as_uri())
    assert [each.qualified for each in open_at(index, tmp_path, WORKSPACE).find_definitions()] == ["Square.area"]


def test_an_import_reaches_another_root_but_a_relative_one_does_not(
    make_index: Callable[..., Index], tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    parse("#- shapes.py\nclass Square: ...\n").write(tmp_path / "two")
    index = make_index(tmp_path / "one", tmp_path / "two")
    one = tmp_path / "one"
    found = open_at(index, one, "#- main.py\nfrom shapes import Square\nSquare$0()\n").find_definitions()
    assert [each.relative for each in found] == ["shapes.py"]
    assert open_at(index, one, "#- main.py\nfrom .shapes import Square\nSquare$0()\n").find_definitions() == ()


def test_an_excluded_file_is_not_read(make_index: Callable[..., Index], tmp_path: Path) -> None:
    parse("#- .gitignore\nprivate.py\n#- private.py\ndef key(): ...\n").write(tmp_path)
    index = make_index(tmp_path)
    assert open_at(index, tmp_path, "#- main.py\nfrom private import key\nkey$0()\n").find_definitions() == ()


def test_a_changed_file_is_read_anew(make_index: Callable[..., Index], tmp_path: Path) -> None:
    index = make_index(parse(WORKSPACE).write(tmp_path))
    open_at(index, tmp_path, WORKSPACE).find_definitions()
    (tmp_path / "shapes.py").write_text("class Square:\n\n\n    def area(self): ...\n")
    index.reindex([tmp_path / "shapes.py"])
    assert index.wait(60)
    assert [each.line for each in open_at(index, tmp_path, WORKSPACE).find_definitions()] == [3]


def test_a_language_without_resolution_and_an_unloaded_index_give_none(
    make_index: Callable[..., Index], tmp_path: Path
) -> None:
    index = make_index(parse(WORKSPACE).write(tmp_path))
    assert index.open_names(Document("untitled:1", None, "css", "a {}"), 1) is None
    cold = make_index(tmp_path, start=False, where=tmp_path / "elsewhere")
    assert cold.open_names(Document("untitled:1", None, "python", "a"), 1, deadline=time.monotonic()) is None


RELATED = """
    #- console.py
    class Console:
        def print(self, text): ...
        def rule(self): ...
    #- live.py
    from console import Console
    class Live(Console):
        def stop(self): ...
    #- other.py
    def print(text): ...
    def rule(): ...
    class Page:
        def print(self): ...
    #- main.py
    from live import Live
    def show(live: Live):
        live.stop()
        $0
"""


def make_open_document(root: Path, fixture: str) -> tuple[Document, int]:
    """Return the document with the cursor of `fixture`, and the cursor's offset."""
    marked = parse(fixture)
    assert marked.cursor is not None
    path = root / marked.cursor[0]
    return Document(path.as_uri(), path, "python", marked.text), marked.cursor[1]


def list_related(index: Index, root: Path, fixture: str) -> list[str]:
    """Return path and name of the definitions related to the cursor."""
    return [f"{hit.relative} {hit.name}" for hit in index.find_related_definitions(*make_open_document(root, fixture))]


def test_related_definitions_are_those_that_names_mean(make_index: Callable[..., Index], tmp_path: Path) -> None:
    index = make_index(parse(RELATED).write(tmp_path))
    found = list_related(index, tmp_path, RELATED)
    assert set(found) == {"live.py Live", "live.py Live.stop", "console.py Console.print", "console.py Console.rule"}
    called = list_related(index, tmp_path, RELATED.replace("$0", "live.print($0)"))
    assert called[0] == "console.py Console.print"
    typed = list_related(index, tmp_path, RELATED.replace("$0", "live.r$0"))
    assert typed[0] == "console.py Console.rule"


def test_a_name_that_the_document_imports_has_one_definition(make_index: Callable[..., Index], tmp_path: Path) -> None:
    text = RELATED.replace("from live import Live", "from live import Live\n    from other import rule")
    index = make_index(parse(text).write(tmp_path))
    document, _ = make_open_document(tmp_path, text)
    assert [hit.relative for hit in index.find_definitions(["rule"], document=document)] == ["other.py"]
    assert {hit.relative for hit in index.find_definitions(["print"], document=document)} == {"console.py", "other.py"}


def test_a_qualified_name_is_found_with_its_inherited_members(make_index: Callable[..., Index], tmp_path: Path) -> None:
    index = make_index(parse(RELATED).write(tmp_path))

    def list_found(written: str) -> list[str]:
        return [f"{hit.relative} {hit.name}" for hit in index.find_qualified(written)]

    assert list_found("Live.print") == ["console.py Console.print"]
    assert list_found("Page.print") == ["other.py Page.print"]
    assert list_found("other.rule") == ["other.py rule"]
    assert list_found("live.Live.stop") == ["live.py Live.stop"]
    assert list_found("Live.missing") == list_found("print") == list_found("..") == []
