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
