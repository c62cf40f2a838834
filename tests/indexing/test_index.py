from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from indexing.records import IndexProgress, Query
from indexing.syntax import relexing
from indexing.syntax.documents import Document
from tests.indexing.samples import SAMPLES
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.index import Index

WORKSPACE = """
    #- shapes.py
    def circumference(radius):
        return 2 * 3.14159 * radius

    def triangle_area(base, height):
        return base * height / 2
    #- pkg/colors.js
    export function blendColors(first, second) {
      return mix(first, second, 0.5);
    }
    #- main.py
    from shapes import triangle_area
    print(triangle_area(3, 4))
    #- notes.txt
    nothing but plain words about parallelograms
    #- .env
    TOKEN=circumference
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return parse(WORKSPACE).write(tmp_path / "root")


def list_places(index: Index, text: str, **options: object) -> list[str]:
    """Return the path and the first line ("a.py:0") of each hit for `text`."""
    return [f"{hit.relative}:{hit.first_line}" for hit in index.search(Query(text, **options))]  # type: ignore[arg-type]


def make_document(path: Path, text: str, version: int = 1) -> Document:
    return Document(path.as_uri(), path, "python", text, version)


@pytest.mark.parametrize(("name", "words"), [("elixir", "defp scale"), ("zig", "fn area scale")])
def test_a_definition_in_a_newer_language_is_found(
    make_index: Callable[..., Index], tmp_path: Path, name: str, words: str
) -> None:
    sample = SAMPLES[name]
    make = parse(f"#- {sample.name}\n{sample.text}#- other.txt\nnothing\n").write(tmp_path / "root")
    hit = make_index(make).search(Query(words))[0]
    assert (hit.relative, "scale" in hit.text, "by" in hit.text or "f32" in hit.text) == (sample.name, True, True)
    assert hit.last_line - hit.first_line < 6, "a definition, not a window"


def test_code_and_words_are_found_with_their_lines(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    hit = index.search(Query("triangle area base height"))[0]
    assert (hit.path, hit.relative) == (root / "shapes.py", "shapes.py")
    assert hit.text.splitlines() == (root / "shapes.py").read_text().splitlines()[hit.first_line : hit.last_line]
    assert "triangle_area" in hit.text
    assert list_places(index, "blend colors")[0].startswith("pkg/colors.js")
    assert list_places(index, "parallelograms") == ["notes.txt:0"]
    assert all(".env" not in each for each in list_places(index, "TOKEN circumference"))


def test_definitions_of_imported_names_are_found(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    asking = make_document(root / "main.py", (root / "main.py").read_text())
    hits = index.find_definitions(["triangle_area"], document=asking)
    assert [(hit.relative, hit.name) for hit in hits] == [("shapes.py", "triangle_area")]


def test_recall_continues_as_the_workspace_did(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    text = "def volume(base, height):\n    return base * "
    best = index.recall(make_document(root / "new.py", text), len(text))[0]
    assert (best.text, best.source, best.same_file) == ("height / 2", "shapes.py", False)


def test_the_asking_file_is_not_found(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    assert "shapes.py:3" not in list_places(index, "triangle area base height", path=root / "shapes.py")


def test_progress_is_told_up_to_the_end(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, start=False)
    told: list[IndexProgress] = []
    index.start(told.append)
    assert index.wait(60)
    assert told[-1] == IndexProgress(4, 4, finished=True)
    assert all(not each.finished for each in told[:-1])


def test_second_run_analyses_nothing(make_index: Callable[..., Index], root: Path) -> None:
    make_index(root).close()
    told: list[IndexProgress] = []
    index = make_index(root, start=False)
    index.start(told.append)
    assert index.wait(60)
    assert told == [IndexProgress(0, 0, finished=True)]
    assert index.read_status().files == 4


def test_new_times_alone_are_no_change(make_index: Callable[..., Index], root: Path) -> None:
    first = make_index(root)
    before = first.read_status()
    first.close()
    os.utime(root / "shapes.py", (1, 1))
    index = make_index(root)
    assert replace(index.read_status(), indexed_at=None, store_bytes=0) == replace(
        before, indexed_at=None, store_bytes=0
    )
    assert "shapes.py:3" in list_places(index, "triangle area base height")


def test_stored_index_answers_without_starting_anything(make_index: Callable[..., Index], root: Path) -> None:
    make_index(root).close()
    index = make_index(root, start=False)
    assert list_places(index, "parallelograms") == ["notes.txt:0"]
    assert index.read_status().state == "off"


def test_a_question_never_waits_beyond_its_deadline_for_loading(make_index: Callable[..., Index], root: Path) -> None:
    make_index(root).close()
    index = make_index(root, start=False)
    assert index.search(Query("parallelograms"), deadline=time.monotonic() - 1) == ()
    assert index.search(Query("parallelograms"), deadline=time.monotonic() + 60) != ()


def test_no_index_at_all_answers_nothing(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, start=False)
    assert list_places(index, "parallelograms") == []
    assert index.recall(make_document(root / "a.py", "x = "), 4) == ()


def test_touched_files_are_indexed_anew(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    (root / "notes.txt").write_text("rhombus\n")
    (root / "pkg" / "more.py").write_text("def dodecahedron(): pass\n")
    (root / "shapes.py").unlink()
    index.reindex([root / "notes.txt", root / "pkg" / "more.py", root / "shapes.py", root.parent / "elsewhere.py"])
    assert index.wait(60)
    assert list_places(index, "rhombus parallelograms") == ["notes.txt:0"]
    assert set(list_places(index, "dodecahedron")) == {"pkg/more.py:0"}
    assert list_places(index, "triangle area base height") in ([], ["main.py:0"])
    assert index.read_status().files == 4


def test_nothing_is_indexed_where_indexing_is_turned_off(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, start=False)
    index.reindex([root / "notes.txt"])
    assert index.read_status().state == "off"
    assert not index._process.is_busy


def test_touched_folder_is_walked_and_a_deleted_one_forgotten(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    parse("#- a/deep/one.py\nicosahedron = 1\n").write(root / "new")
    index.reindex([root / "new"])
    assert index.wait(60)
    assert list_places(index, "icosahedron") == ["new/a/deep/one.py:0"]
    (root / "pkg" / "colors.js").unlink()
    (root / "pkg").rmdir()
    index.reindex([root / "pkg"])
    assert index.wait(60)
    assert list_places(index, "blend colors") == []


def test_new_ignore_rule_takes_effect(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    (root / ".starlingignore").write_text("*.txt\n")
    index.reindex([root / ".starlingignore"])
    assert index.wait(60)
    assert list_places(index, "parallelograms") == []


def test_unsaved_text_is_searched_as_it_stands(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    path = root / "shapes.py"
    index.open_document(
        make_document(path, "# a heading\n\n" + path.read_text() + "\ndef octagon_perimeter(side): return 8 * side\n")
    )
    hit = index.search(Query("octagon perimeter"))[0]
    assert (hit.relative, hit.name) == ("shapes.py", "octagon_perimeter")
    assert "octagon_perimeter" in hit.text
    index.close_document(path.as_uri())
    assert list_places(index, "octagon perimeter") == []


def test_what_is_no_file_of_the_workspace_is_not_searched(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    (root.parent / "elsewhere.py").write_text("tetrahedron = 1\n")
    (root / ".gitignore").write_text("private.ipynb\n")
    origins = [(), (root / "shapes.py",), (root / ".env",), (Path(".env"),), (root.parent / "elsewhere.py",)]
    for number, origin in enumerate(origins):
        index.open_document(Document(f"git:{number}", None, "python", "tetrahedron = 4\n", origins=origin))
    index.open_document(make_document(root.parent / "elsewhere.py", "tetrahedron = 1\n"))
    index.open_document(
        Document("cell:1", None, "python", "tetrahedron = 2\n", origins=(root / "private.ipynb",), cell=True)
    )
    index.open_document(Document("cell:2", None, "python", "tetrahedron = 3\n", cell=True))
    assert list_places(index, "tetrahedron") == []
    asker = make_document(root / "asks.py", "tetrahedron = ")
    assert index.recall(asker, len(asker.text)) == ()
    assert index.find_definitions(["tetrahedron"], document=asker) == ()


def test_cells_of_a_notebook_are_searched_at_its_place(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    notebook = root / "made" / "n.ipynb"
    for name in ("tetrahedron", "icosahedron"):
        cell = f"{name} = 1\n"
        index.open_document(
            Document(f"vscode-notebook-cell:{name}", None, "python", cell, origins=(notebook,), cell=True)
        )
    assert list_places(index, "tetrahedron") == ["made/n.ipynb:0"]
    assert list_places(index, "icosahedron") == ["made/n.ipynb:0"]
    assert index.search(Query("tetrahedron"))[0].path == notebook


def test_open_secrets_and_huge_texts_are_not_searched(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    index.open_document(make_document(root / ".env", "heptagon=1\n"))
    index.open_document(make_document(root / "huge.py", "heptagon = 1\n" * 50_000))
    assert list_places(index, "heptagon") == []


def test_exclusion_gives_the_reason(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, start=False)
    asked = [root / "shapes.py", root / ".env", root.parent / "x.py", root / "node_modules" / "x.js"]
    assert [index.find_exclusion_reason(path) for path in asked] == ["", "secret", "outside", "vendored"]


def test_a_secret_is_one_also_outside_of_all_roots(
    make_index: Callable[..., Index], root: Path, tmp_path: Path
) -> None:
    index = make_index(root, start=False)
    link = tmp_path / "plain.py"
    link.symlink_to(tmp_path / "elsewhere" / "id_rsa")
    asked = [tmp_path / ".env", tmp_path / ".ssh" / "config", link, root / "plain.py"]
    asked[3].symlink_to(tmp_path / "elsewhere" / "id_rsa")
    assert [index.find_exclusion_reason(path) for path in asked] == ["secret"] * 4


def test_several_roots_and_their_change(make_index: Callable[..., Index], root: Path, tmp_path: Path) -> None:
    other = parse("#- solids.py\ndef prism_volume(): pass\n").write(tmp_path / "other")
    index = make_index(root, other, root / "pkg")
    assert list_places(index, "prism volume") == ["solids.py:0"]
    assert set(list_places(index, "blend colors")) == {"pkg/colors.js:0"}  # once, although its folder is a root too
    assert index.read_status().files == 5
    index.set_roots([other])
    assert index.wait(60)
    assert (index.read_status().files, list_places(index, "blend colors")) == (1, [])
    assert index.find_exclusion_reason(root / "shapes.py") == "outside"


ODD_FILES = {
    "bom.py": b"\xef\xbb\xbfdef pentagon(): pass\n",
    "utf16.py": "\ufeffdef pentagon(): pass\n".encode("utf-16-le"),
    "latin.py": "# \xe4\xf6\xfc\ndef pentagon(): pass\n".encode("latin-1"),
    "crlf.py": b"x = 1\r\ndef pentagon(): pass\r\n",
    "broken.py": b"def pentagon(:\n    ((((\n",
    "astral.py": "x = '\U0001f600'\ndef pentagon(): pass\n".encode(),
    "no_end.py": b"def pentagon(): pass",
    "empty.py": b"",
    "binary.py": b"pentagon\0\0\0",
}


def test_odd_files_are_found_with_their_text(make_index: Callable[..., Index], tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name, data in ODD_FILES.items():
        (root / name).write_bytes(data)
    with (root / "big.py").open("wb") as file:
        file.write(b"pentagon = 1\n")
        file.truncate(50 * 1024 * 1024)
    index = make_index(root)
    hits = index.search(Query("pentagon"), limit=20)
    assert {hit.relative for hit in hits} == set(ODD_FILES) - {"empty.py", "binary.py"}
    assert all("pentagon" in hit.text for hit in hits)
    assert index.read_status().skipped == {"binary": 1, "too large": 1}


def test_importing_and_making_an_index_loads_nothing_heavy(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415  # only here

    code = (
        "import sys; from pathlib import Path; from indexing.index import Index;"
        f"Index([Path({str(tmp_path)!r})], storage=Path({str(tmp_path)!r})).close();"
        "print([name for name in ('numpy', 'tree_sitter', 'pathspec', 'watchfiles', 'filelock', 'psutil')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_tokens_of_an_opened_document_are_cached_unless_it_is_too_large(
    root: Path, make_index: Callable[..., Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(relexing, "cache_tokens", read.append)
    index = make_index(root, start=False)
    for text in ("x = 1\n", "x = 1\n" * 100_000):
        index.cache_tokens(make_document(root / "shapes.py", text))
    assert read == ["x = 1\n"]


def test_status_counts(make_index: Callable[..., Index], root: Path) -> None:
    status = make_index(root).read_status()
    assert (status.state, status.files, status.problem) == ("ready", 4, "")
    assert status.by_language == {"python": 2, "javascript": 1, "text": 1}
    assert status.skipped == {"secret": 1}
    assert status.bytes_indexed == sum(
        (root / name).stat().st_size for name in ("shapes.py", "main.py", "pkg/colors.js", "notes.txt")
    )
    assert status.store_bytes > 0
    assert status.indexed_at is not None
    assert (status.chunks > 4, status.symbols) == (True, 3)
