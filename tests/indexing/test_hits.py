"""Hits show the text of a file as it is now, and only of files that may be shown now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from indexing.records import Query
from tests.indexing.test_index import list_places, make_document
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

WORKSPACE = """
    #- shapes.py
    def circumference(radius):
        return 2 * 3.14159 * radius

    def triangle_area(base, height):
        return base * height / 2
    #- main.py
    from shapes import triangle_area
    print(triangle_area(3, 4))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return parse(WORKSPACE).write(tmp_path / "root")


def test_lines_are_right_although_the_file_changed_unnoticed(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    path = root / "shapes.py"
    path.write_text("# one\n# two\n" + path.read_text())
    hits = [hit for hit in index.search(Query("triangle area base height")) if hit.name == "triangle_area"]
    lines = path.read_text().splitlines()
    assert [lines[hit.first_line] for hit in hits] == ["def triangle_area(base, height):"]
    path.write_text("x = 1\n")
    assert all(hit.relative != "shapes.py" for hit in index.search(Query("triangle area base height")))
    assert index.wait(60)  # what was found out of date is being indexed
    assert index.read_status().symbols == 1


def test_what_was_kept_back_since_it_was_opened_or_indexed_is_not_shown(
    make_index: Callable[..., Index], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexing.workspace.exclusion.FRESH_S", 0.0)
    index = make_index(root)
    index.open_document(make_document(root / "new.py", "tetrahedron = 4\n"))
    assert len(list_places(index, "tetrahedron")) == 1
    assert list_places(index, "triangle area")
    (root / ".starlingignore").write_text("new.py\nshapes.py\n")
    assert list_places(index, "tetrahedron") == []
    assert not any("shapes.py" in place for place in list_places(index, "triangle area"))
