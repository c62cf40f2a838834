"""Segments and views: what is packed comes back, changes hide what is old, damage is noticed."""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.records import Chunk, Query
from indexing.segments import Segment, View, build
from indexing.storage import arrays, blobs
from indexing.storage import segment as pages_of
from indexing.storage.segment_files import OverlayFile, SegmentFile
from indexing.syntax.documents import Span, Symbol
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROOT = "root"


def make_text_blob(text: str) -> bytes:
    """Return the analysis of `text`: one chunk per paragraph, named after the `def` or `class` in it."""
    chunks, symbols, at, line = [], [], 0, 0
    for paragraph in text.split("\n\n"):
        end = min(len(text), at + len(paragraph) + 1)
        words = paragraph.split()
        name = words[1].split("(")[0].rstrip(":") if words and words[0] in {"def", "class"} else ""
        lines = paragraph.count("\n") + 1
        if paragraph.strip():
            chunks.append(Chunk(Span(at, end), line, line + lines, "function" if name else "window", name))
        if name:
            symbols.append(Symbol(name, "function", Span(at, end)))
        at, line = at + len(paragraph) + 2, line + lines + 1
    return blobs.pack(text, chunks, symbols, "python")


def build_segment(folder: Path, files: Mapping[str, str]) -> Segment:
    """Build a segment of `files` (texts by path), whose ids count from 7, in `folder`."""
    target = folder / "root.segment"
    build(
        target, (SegmentFile(7 + at, path, 0.0, make_text_blob(text)) for at, (path, text) in enumerate(files.items()))
    )
    return Segment.open(target)


def list_hits(view: View, query: Query, own: tuple[str, int] | None = None) -> list[str]:
    """Return the path and the chunk name of each hit."""
    hits = view.search(query, own=own, limit=10, deadline=None)
    return [f"{view.read_relative_path(hit.key)}:{view.read_chunk(hit.key, hit.chunk).name}" for hit in hits]


FILES = parse("""
    #- shapes.py
    def area(circle): return 3.14 * circle.radius

    def perimeter(circle): return 2 * 3.14 * circle.radius
    #- web/http_client.py
    def fetch_page(url): return open_connection(url).read()

    class RetryPolicy:
        attempts = 3
    """).files


def test_text_and_chunks_come_back_as_they_were_given(tmp_path: Path) -> None:
    segment = build_segment(tmp_path, FILES)
    view = View([(ROOT, segment)], {}, ())
    assert sorted(segment.file_ids) == [7, 8]
    assert view.read_text((ROOT, 7)) == FILES["shapes.py"]
    assert view.read_relative_path((ROOT, 8)) == "web/http_client.py"
    chunk = view.read_chunk((ROOT, 7), 1)
    assert (chunk.name, chunk.kind, chunk.first_line) == ("perimeter", "function", 2)
    assert view.read_text((ROOT, 7), chunk.span).startswith("def perimeter")


@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_any_text_survives_packing(text: str) -> None:
    packed = blobs.unpack(blobs.pack(text, (), (), "text"))
    assert packed.decode() == text
    assert packed.length == len(text)


def test_offsets_count_code_points_in_texts_beyond_ascii(tmp_path: Path) -> None:
    text = "# 🦜 größe \ud800\n\ndef nach(): return '大小'\n"
    view = View([(ROOT, build_segment(tmp_path, {"a.py": text}))], {}, ())
    assert view.read_text((ROOT, 7), Span(2, 3)) == "🦜"
    hit = view.search(Query("nach"), limit=1, deadline=None)[0]
    assert view.read_text(hit.key, view.read_chunk(hit.key, hit.chunk).span) == "def nach(): return '大小'\n"


def test_parts_of_identifiers_find_chunks(tmp_path: Path) -> None:
    view = View([(ROOT, build_segment(tmp_path, FILES))], {}, ())
    assert list_hits(view, Query("page fetch"))[0] == "web/http_client.py:fetch_page"
    assert list_hits(view, Query("retryPolicy"))[0] == "web/http_client.py:RetryPolicy"
    assert list_hits(view, Query("nothing_like_this")) == []


def test_an_empty_segment_and_a_file_without_chunks_are_no_trouble(tmp_path: Path) -> None:
    assert list_hits(View([(ROOT, build_segment(tmp_path, {}))], {}, ()), Query("area")) == []
    assert list_hits(View([(ROOT, build_segment(tmp_path, {"empty.py": ""}))], {}, ()), Query("area")) == []


def test_an_imported_name_raises_the_chunk_that_defines_it(tmp_path: Path) -> None:
    files = {
        "use.py": "def report(): circle radius circle radius circle",
        "a.py": "def area(shape): return shape",
        "b.py": "def volume(shape): return shape",
    }
    view = View([(ROOT, build_segment(tmp_path, files))], {}, ())
    assert list_hits(view, Query("circle radius", imported=("volume",)))[0] == "b.py:volume"


def test_a_file_of_an_imported_module_ranks_higher(tmp_path: Path) -> None:
    files = {"a/tools.py": "def go(): size", "b/tools.py": "def go(): size"}
    view = View([(ROOT, build_segment(tmp_path, files))], {}, ())
    assert list_hits(view, Query("size", modules=("b.tools",)))[0] == "b/tools.py:go"
    assert list_hits(view, Query("size", modules=("./a/tools.js",)))[0] == "a/tools.py:go"


def test_an_overlay_stands_in_for_the_file_in_the_segment(tmp_path: Path) -> None:
    segment = build_segment(tmp_path, FILES)
    overlay = OverlayFile("shapes.py", 1.0, make_text_blob("def volume(circle): return circle.radius"))
    view = View([(ROOT, segment)], {(ROOT, 7): overlay}, ())
    assert list_hits(view, Query("circle radius")) == ["shapes.py:volume"]
    assert view.read_text((ROOT, 7)) == "def volume(circle): return circle.radius"


def test_a_new_file_is_found_and_a_hidden_one_is_not(tmp_path: Path) -> None:
    segment = build_segment(tmp_path, FILES)
    overlay = OverlayFile("new.py", 1.0, make_text_blob("def brand_new(circle): ..."))
    view = View([(ROOT, segment)], {(ROOT, 99): overlay}, [(ROOT, 7)])
    assert list_hits(view, Query("circle")) == ["new.py:brand_new"]
    with pytest.raises(KeyError):
        view.read_text((ROOT, 7))


def test_the_asking_file_is_left_out_or_only_the_asking_place(tmp_path: Path) -> None:
    view = View([(ROOT, build_segment(tmp_path, FILES))], {}, ())
    assert list_hits(view, Query("circle"), own=(ROOT, 7)) == []
    assert list_hits(view, Query("circle", near=Span(3, 4)), own=(ROOT, 7)) == ["shapes.py:perimeter"]


def test_several_roots_are_one_collection(tmp_path: Path) -> None:
    one = build_segment(tmp_path / "one", {"a.py": "def first(): token_here"})
    two = build_segment(tmp_path / "two", {"b.py": "def second(): token_here"})
    view = View([("1", one), ("2", two)], {}, ())
    assert sorted(list_hits(view, Query("token_here"))) == ["a.py:first", "b.py:second"]


def test_definitions_prefer_files_that_are_imported(tmp_path: Path) -> None:
    files = {"a.py": "def parse(): one", "pkg/b.py": "def parse(): two", "c.py": "def other(): parse"}
    view = View([(ROOT, build_segment(tmp_path, files))], {}, ())
    hits = view.find_definitions(["parse"], imported_modules=["pkg.b"], own=None, limit=5, deadline=None)
    assert [view.read_relative_path(hit.key) for hit in hits] == ["pkg/b.py", "a.py"]


def test_a_passed_deadline_gives_less_but_no_error(tmp_path: Path) -> None:
    view = View([(ROOT, build_segment(tmp_path, FILES))], {}, ())
    assert view.search(Query("qqq circle"), limit=3, deadline=0.0) == []


def test_a_damaged_or_foreign_file_is_no_segment(tmp_path: Path) -> None:
    path = tmp_path / "root.segment"
    build_segment(tmp_path, FILES)
    whole = path.read_bytes()
    for broken in (b"", b"short", b"\0" * 4096, whole[:-1], whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="segment"):
            Segment.open(path)


def test_a_damaged_blob_is_noticed() -> None:
    blob = make_text_blob("def f(): pass")
    for broken in (b"", blob[:-1], b"xxxx" + blob[4:], blob + b"\0"):
        with pytest.raises(blobs.BlobError):
            blobs.unpack(broken)


def test_a_segment_built_from_a_segment_is_the_same(tmp_path: Path) -> None:
    files = {**FILES, "größe.py": "# 🦜\n\ndef größe(): return '\x00'\n\nclass Naht:\n    pass", "empty.py": ""}
    first = build_segment(tmp_path, files)
    packed = [first.read_packed(number) for number in range(len(files))]
    for number, (text, read) in enumerate(zip(files.values(), packed, strict=True)):
        expected = blobs.unpack(make_text_blob(text))
        assert (read.text, read.length, read.language) == (expected.text, expected.length, expected.language), number
        assert (read.kinds, read.names) == (expected.kinds, expected.names)
        assert sorted(zip(read.defined_in, read.defined, strict=True)) == sorted(
            zip(expected.defined_in, expected.defined, strict=True)
        )
    stored = (SegmentFile(7 + at, path, 0.0, each) for at, (path, each) in enumerate(zip(files, packed, strict=True)))
    build(tmp_path / "again.segment", stored)
    assert (tmp_path / "again.segment").read_bytes() == (tmp_path / "root.segment").read_bytes()


def test_a_failed_build_leaves_the_old_segment_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_segment(tmp_path, FILES)

    def raise_disk_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(arrays._ChecksummedFile, "write", raise_disk_full)
    with pytest.raises(OSError, match="space"):
        build_segment(tmp_path, {"b.py": "other"})
    assert [path.name for path in tmp_path.iterdir()] == ["root.segment"]
    assert View([(ROOT, Segment.open(tmp_path / "root.segment"))], {}, ()).read_text((ROOT, 7)) == FILES["shapes.py"]


def test_large_input_is_spooled_and_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_BUFFER_BYTES", 1000)
    monkeypatch.setattr("indexing.storage.building.BATCH_CHARACTERS", 500)
    files = {f"m{number}.py": f"def function_{number}(): value_{number} common" for number in range(100)}
    view = View([(ROOT, build_segment(tmp_path, files))], {}, ())
    assert list_hits(view, Query("value_42"))[0] == "m42.py:function_42"
    assert len(view.search(Query("common"), limit=200, deadline=None)) == 100


def test_a_replaced_segment_serves_its_old_views(tmp_path: Path) -> None:
    view = View([(ROOT, build_segment(tmp_path, FILES))], {}, ())
    build_segment(tmp_path, {"b.py": "def other(): ..."})
    assert list_hits(view, Query("perimeter"))[0] == "shapes.py:perimeter"


def test_a_segment_is_the_same_however_many_threads_sort_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"m{number}.py": f"def f{number}(a, b):\n    return a + b * {number}\n" * 9 for number in range(40)}
    build_segment(tmp_path, files)
    alone = (tmp_path / "root.segment").read_bytes()
    monkeypatch.setattr("indexing.storage.building.MANY_TOKENS", 0)
    build_segment(tmp_path, files)
    assert (tmp_path / "root.segment").read_bytes() == alone


@pytest.mark.parametrize("pause_s", [0.0, 3600.0], ids=["in a pause", "without one"])
def test_pages_are_given_back_in_a_pause_or_after_some_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pause_s: float
) -> None:
    given_back = threading.Event()
    monkeypatch.setattr(pages_of, "SMALL_BYTES", 0)
    monkeypatch.setattr(pages_of.time, "sleep", lambda _: None)
    monkeypatch.setattr(pages_of, "PAUSE_S", pause_s)
    segment = build_segment(tmp_path, {"a.py": "def area(): pass\n"})
    monkeypatch.setattr(segment.arrays, "release_pages", given_back.set)
    assert not given_back.is_set()
    while not given_back.is_set():
        segment.note_query()
