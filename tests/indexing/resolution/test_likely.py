"""Definitions that the code at a cursor may use next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.process.analysis import analyze_text
from indexing.resolution.files import TableCache, ViewFiles, list_paths
from indexing.resolution.likely import rank_likely
from indexing.resolution.names import DocumentNames
from indexing.segments import Segment, View, build
from indexing.storage.segment_files import SegmentFile
from tests.marked import parse

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = """
    #- store.py
    class Store:
        def __init__(self, path): ...
        def read(self, key): ...
        def write(self, key, value): ...
        @property
        def size(self): ...
        @classmethod
        def parse(cls, text): ...
        @staticmethod
        def check(text): ...

    class StoreError(Exception): ...

    def open_store(path) -> Store: ...

    def _hide(): ...
    #- tools.py
    def sort_keys(keys): ...
"""


def rank(fixture: str, folder: Path, language: str = "python") -> list[str]:
    """Return the qualified names of the definitions for the cursor of a fixture, likeliest first."""
    marked = parse(fixture)
    assert marked.cursor is not None
    path, offset = marked.cursor
    files = [
        SegmentFile(number, relative, 0.0, analyze_text(text, language).blob)
        for number, (relative, text) in enumerate(marked.files.items())
    ]
    build(folder / "segment", files)
    view = View([("", Segment.open(folder / "segment"))], {}, ())
    own = ("", list(marked.files).index(path))
    names = DocumentNames(
        marked.text,
        offset,
        language=language,
        root="",
        relative=path,
        key=own,
        files=ViewFiles(view, list_paths(view)),
        tables=TableCache(),
    )
    return [each.definition.qualified for each in rank_likely(names, view, own=own, limit=20)]


def test_after_a_dot_only_members_of_the_receiver_are_likely(tmp_path: Path) -> None:
    found = rank(LIBRARY + "    #- main.py\n    from store import *\n    open_store('a').$0\n", tmp_path)
    assert set(found) == {f"Store.{name}" for name in ("__init__", "read", "write", "size", "parse", "check")}
    assert found[-1] == "Store.__init__"


def test_a_partial_word_narrows_them(tmp_path: Path) -> None:
    assert rank(LIBRARY + "    #- main.py\n    from store import *\n    open_store('a').wr$0\n", tmp_path) == [
        "Store.write"
    ]


def test_after_a_class_only_what_is_called_on_the_class_is_likely(tmp_path: Path) -> None:
    found = rank(LIBRARY + "    #- main.py\n    from store import Store\n    Store.$0\n", tmp_path)
    assert set(found) == {"Store.parse", "Store.check"}


def test_within_a_line_only_names_are_likely(tmp_path: Path) -> None:
    code = "from store import Store, open_store\n    import tools\n    def f(a: Store):\n        x = $0\n"
    assert set(rank(f"{LIBRARY}    #- main.py\n    {code}", tmp_path)) == {"Store", "open_store"}


def test_on_a_blank_line_members_of_receivers_and_modules_are_likely_too(tmp_path: Path) -> None:
    code = "from store import Store, open_store\n    import tools\n    def f(a: Store):\n        $0\n"
    found = rank(f"{LIBRARY}    #- main.py\n    {code}", tmp_path)
    assert {"open_store", "Store.read", "Store.write", "sort_keys"} <= set(found)
    assert found.index("Store.read") < found.index("Store.__init__")


def test_a_receiver_used_near_by_makes_its_members_likelier(tmp_path: Path) -> None:
    other = "    #- far.py\n    class Far:\n        def go(self): ...\n"
    code = "from store import Store\n    from far import Far\n    def f(a: Store, b: Far):\n"
    lines = "        b.stop()\n" + "        x = 1\n" * 60 + "        a.size\n        $0\n"
    found = rank(f"{LIBRARY}{other}    #- main.py\n    {code}{lines}", tmp_path)
    assert found.index("Store.read") < found.index("Far.go")


def test_definitions_of_the_document_itself_are_left_out(tmp_path: Path) -> None:
    code = (
        "from store import open_store\n    def own(): ...\n    class Own:\n        def f(self):\n            self.$0\n"
    )
    assert rank(f"{LIBRARY}    #- main.py\n    {code}", tmp_path) == []
