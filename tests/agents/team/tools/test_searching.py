"""The tools `list_files`, `search_files`, `search_code` and `findings`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from agents.findings import Finding, Severity
from agents.team.tools import list_files, search_files
from indexing.records import Hit
from indexing.syntax.documents import Span
from tests.agents.doubles import MemoryIndex

if TYPE_CHECKING:
    from tests.agents.team.bench import TeamBench

FILES = """
#- area.py
def area(r):
    return 3.14 * r * r
#- src/main.py
from area import area
print(AREA)
#- secret.py
area = "password"
"""


async def test_files_are_listed_by_folder_and_pattern_without_excluded_ones(
    bench: TeamBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(FILES)
    assert (await bench.call("list_files"))[0] == "area.py\nsrc/main.py"
    assert (await bench.call("list_files", folder="src"))[0] == "src/main.py"
    assert (await bench.call("list_files", pattern="a*.py"))[0] == "area.py"
    assert (await bench.call("list_files", pattern="*.js"))[0] == "[no such files]"
    assert "is no folder" in (await bench.call("list_files", folder="area.py"))[0]
    monkeypatch.setattr(list_files, "MOST_FILES", 1)
    assert (await bench.call("list_files"))[0].endswith("[1 more; name a folder or a pattern]")


async def test_lines_are_found_by_pattern_with_their_place(bench: TeamBench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write(FILES)
    assert (await bench.call("search_files", pattern=r"\barea\b"))[0] == (
        "area.py:1: def area(r):\nsrc/main.py:1: from area import area"
    )
    assert "print(AREA)" in (await bench.call("search_files", pattern="area", ignore_case=True))[0]
    assert (await bench.call("search_files", pattern="area", files="*.md"))[0] == "[no line matches]"
    text, failed = await bench.call("search_files", pattern="(")
    assert (failed, "no regular expression" in text) == (True, True)
    monkeypatch.setattr(search_files, "MOST_HITS", 1)
    assert "make the pattern narrower" in (await bench.call("search_files", pattern="area"))[0]


async def test_code_is_found_in_the_index_and_hits_in_excluded_files_are_dropped(bench: TeamBench) -> None:
    bench.write(FILES)
    hits = (
        Hit(bench.root / "area.py", "area.py", 0, 2, "def area(r): ...", 1.0, "area"),
        Hit(bench.root / "secret.py", "secret.py", 0, 1, "area = 'password'", 0.5, "area"),
    )
    bench.options["index"] = MemoryIndex(hits=hits, defined=hits)
    for kind in ("similar", "definitions"):
        text, _ = await bench.call("search_code", words="area", kind=kind)
        assert text == "area.py:1-2 area\ndef area(r): ..."
    assert "src/main.py:1" in (await bench.call("search_code", words="Shape.area", kind="uses"))[0]
    assert "is no name" in (await bench.call("search_code", words="an area", kind="uses"))[0]
    bench.options["index"] = None
    assert "has no index" in (await bench.call("search_code", words="area"))[0]


async def test_a_qualified_name_that_resolution_knows_means_no_other_definitions(bench: TeamBench) -> None:
    bench.write(FILES)
    other = Hit(bench.root / "src/main.py", "src/main.py", 0, 1, "def area(): ...", 1.0, "area")
    meant = Hit(bench.root / "area.py", "area.py", 0, 2, "def area(r): ...", 1.0, "Shape.area")
    bench.options["index"] = MemoryIndex(defined=(other,), qualified={"Square.area": (meant,)})
    text, _ = await bench.call("search_code", words="Square.area", kind="definitions")
    assert text == "area.py:1-2 Shape.area\ndef area(r): ..."
    text, _ = await bench.call("search_code", words="Circle.area", kind="definitions")
    assert text == "src/main.py:1-1 area\ndef area(): ..."


async def test_a_definition_of_a_library_is_shown_by_the_path_that_code_imports_it_by(bench: TeamBench) -> None:
    bench.write(FILES)
    path = bench.root / ".venv/lib/python3.11/site-packages/requests/api.py"
    found = Hit(path, "requests/api.py", 9, 11, "def get(url): ...", 1.0, "get", is_library=True)
    bench.options["index"] = MemoryIndex(qualified={"requests.get": (found,)}, excluded={"api.py": "environment"})
    text, _ = await bench.call("search_code", words="requests.get", kind="definitions")
    assert text == "requests/api.py:10-11 get\ndef get(url): ..."


async def test_findings_have_their_line_and_rule(bench: TeamBench) -> None:
    bench.write(FILES)
    bench.options["review"] = lambda document: (
        Finding("unused", Severity.WARNING, Span(document.text.index("return"), 20), "It is unused."),
    )
    assert (await bench.call("findings", path="area.py"))[0] == "2: warning unused: It is unused."


@pytest.mark.parametrize(("pattern", "costly"), [
    (r"(a+)+b", True), (r"(?:a|aa)*b", True), (r"((a+)b)+", True), (r"(a*){2,}", True), (r"(.*,){11}P", True),
    (r".*.*.*.*.*x", True), (r"([ab]+)*", True),
    (r"def \w+\(", False), (r"(foo|bar)\s*=", False), (r"a\+\+(b|c)", False), (r"[*+]{3}[^]*]", False),
    (r"(\(+\))", False), (r"^\s*class \w+.*:", False), (r"\d{4}-\d{2}", False), (r"(ab)+", False),
])  # fmt: skip
def test_a_pattern_that_could_take_forever_is_recognised(pattern: str, *, costly: bool) -> None:
    assert search_files.is_too_costly(pattern) is costly


async def test_a_search_for_such_a_pattern_is_refused_and_a_slow_one_ends(
    bench: TeamBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.root / "a.txt").write_text(("a" * 230 + "\n") * 10_000)
    assert "could take forever" in (await bench.call("search_files", pattern="(a+)+b"))[0]
    monkeypatch.setattr(search_files, "SEARCH_S", 0.05)
    begun = time.monotonic()
    await bench.call("search_files", pattern="a*a*b")
    assert time.monotonic() - begun < 5


async def test_a_glob_that_could_take_forever_is_refused(bench: TeamBench) -> None:
    bench.write(FILES)
    glob = "*a" * 9
    assert "could take forever" in (await bench.call("list_files", pattern=glob))[0]
    assert "could take forever" in (await bench.call("search_files", pattern="x", files=glob))[0]
    assert (await bench.call("list_files", pattern="**/*.py"))[0] != "[no such files]"
