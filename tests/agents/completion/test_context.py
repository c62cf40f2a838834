from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.context import ContextGatherer, list_names
from indexing.syntax.syntax import Syntax
from tests.agents.doubles import MemoryIndex, make_hit, parse_cursor

if TYPE_CHECKING:
    from indexing.index import Index
    from indexing.records import Hit, Query

FIXTURE = "from shapes import area\n\ndef show(radius):\n    print(area($0)\n"
AREA = make_hit("shapes.py", "def area(r):\n    return 3.14 * r * r\n", name="area")
SIMILAR = make_hit("other.py", "print(area(2))\n")


def list_paths(
    fixture: str = FIXTURE,
    *,
    hits: tuple[Hit, ...] = (),
    defined: tuple[Hit, ...] = (),
    gatherer: ContextGatherer | None = None,
    policy: CompletionPolicy | None = None,
    index: MemoryIndex | None = None,
    large_ms: float = 0.0,
) -> list[str]:
    """Return the paths of the snippets for the cursor of `fixture`, in their order."""
    index = index or MemoryIndex(hits=hits, defined=defined)
    cursor = parse_cursor(fixture)
    snippets = (gatherer or ContextGatherer()).gather(
        cursor, Syntax.of(cursor.document), cast("Index", index), policy or CompletionPolicy(), large_ms=large_ms
    )
    return [snippet.path for snippet in snippets]


def test_definitions_of_used_names_come_before_similar_code() -> None:
    assert list_paths(hits=(SIMILAR,), defined=(AREA,)) == ["shapes.py", "other.py"]


def test_what_names_mean_comes_before_definitions_of_the_same_name() -> None:
    meant = make_hit("meant.py", "def area(r): ...\n", name="area")
    index = MemoryIndex(hits=(SIMILAR,), defined=(AREA,), related=(meant,))
    assert list_paths(index=index) == ["meant.py", "shapes.py", "other.py"]


def test_enough_meanings_leave_no_room_for_definitions_of_the_same_name() -> None:
    policy = CompletionPolicy()
    meant = tuple(make_hit(f"meant{number}.py", f"def area{number}(r): ...\n") for number in range(policy.snippets))
    assert "shapes.py" not in list_paths(index=MemoryIndex(defined=(AREA,), related=meant))


def test_definitions_of_libraries_come_last_and_only_as_many_as_the_policy_says() -> None:
    found = tuple(
        replace(make_hit(f"lib{number}.py", f"def f{number}(): ...\n"), is_library=True) for number in range(6)
    )
    many = tuple(make_hit(f"other{number}.py", f"print({number})\n") for number in range(8))
    index = MemoryIndex(hits=many, defined=(AREA,), libraries=found)
    assert not any(path.startswith("lib") for path in list_paths(index=index))
    paths = list_paths(index=index, policy=CompletionPolicy(library_definitions=2))
    assert (paths[0], paths[-2:], len(paths)) == ("shapes.py", ["lib0.py", "lib1.py"], CompletionPolicy().snippets)


def test_names_near_the_cursor_are_looked_up_nearest_first() -> None:
    assert list_names(parse_cursor(FIXTURE))[:3] == ("area", "print", "radius")


def test_a_definition_found_twice_is_used_once() -> None:
    assert list_paths(hits=(AREA,), defined=(AREA,)) == ["shapes.py"]


def test_snippets_that_overlap_are_used_once() -> None:
    overlapping = make_hit("shapes.py", "    return 3.14 * r * r\n\nPI = 3\n", first_line=1)
    assert list_paths(hits=(overlapping,), defined=(AREA,)) == ["shapes.py"]


def test_code_right_around_the_cursor_is_left_out() -> None:
    own = make_hit("main.py", "def show(radius):\n    print(area(\n", first_line=2)
    assert list_paths(hits=(own, SIMILAR)) == ["other.py"]


def test_code_of_the_same_file_farther_away_is_used() -> None:
    far = make_hit("main.py", "def draw(canvas):\n    canvas.circle(area(3))\n", first_line=900)
    assert list_paths(hits=(far,)) == ["main.py"]


def test_snippets_of_the_last_prompt_keep_their_places() -> None:
    gatherer = ContextGatherer()
    first = make_hit("first.py", "a = 1\n")
    list_paths(hits=(first, SIMILAR), gatherer=gatherer)
    moved = FIXTURE.replace("$0", "radius)\n    print($0")
    newer = make_hit("newer.py", "b = 2\n")
    assert list_paths(moved, hits=(newer, SIMILAR, first), gatherer=gatherer) == ["first.py", "other.py", "newer.py"]


def test_the_index_is_searched_once_for_a_line() -> None:
    gatherer, index = ContextGatherer(), MemoryIndex(hits=(SIMILAR,))
    list_paths(FIXTURE, gatherer=gatherer, index=index)
    list_paths(FIXTURE.replace("$0", "radi$0"), gatherer=gatherer, index=index)
    assert len(index.queries) == 1


def test_code_in_another_language_is_left_out() -> None:
    others = (make_hit("compare.lua", "print(area(2))\n"), make_hit("notes.md", "print(area(3))\n"))
    assert list_paths(hits=(*others, SIMILAR)) == ["other.py"]


def test_a_definition_in_another_language_is_left_out() -> None:
    lua = make_hit("area.lua", "function area(r)\n  return r\nend\n", name="area")
    assert list_paths(defined=(lua, lua, lua, AREA)) == ["shapes.py"]


def test_for_a_large_model_the_snippets_stay_while_the_cursor_moves_a_few_lines() -> None:
    gatherer, index = ContextGatherer(), MemoryIndex(hits=(SIMILAR,))
    for lines in (0, 3, 12):
        text = FIXTURE.replace("$0", "radius)\n" + "    print(radius)\n" * lines + "    print($0")
        assert list_paths(text, gatherer=gatherer, index=index, large_ms=500.0) == ["other.py"]
    assert len(index.queries) == 1
    far = FIXTURE.replace("$0", "radius)\n" + "    print(radius)\n" * 80 + "    print($0")
    list_paths(far, gatherer=gatherer, index=index, large_ms=500.0)
    assert len(index.queries) == 2


def test_for_a_large_model_an_empty_search_is_repeated() -> None:
    gatherer, index = ContextGatherer(), MemoryIndex()
    list_paths(FIXTURE, gatherer=gatherer, index=index, large_ms=500.0)
    index.hits = (SIMILAR,)  # the deadline was over before they came
    again = FIXTURE.replace("$0", "radi$0")
    assert list_paths(again, gatherer=gatherer, index=index, large_ms=500.0) == ["other.py"]


@pytest.mark.parametrize(
    "imports",
    [
        "import os\nfrom shapes import area",
        "from shapes import (\n    area,\n    volume,\n)",
        "import { area,\n  volume } from './shapes';",
        "use std::io;",
        "#include <stdio.h>",
    ],
)
def test_a_large_model_gets_the_imports_of_a_long_file(imports: str) -> None:
    middle = "\n\nvalue = 1\n" + "other = 2\n" * 300
    cursor = parse_cursor(imports + middle + "x = $0\n")
    gather = ContextGatherer().gather
    index = cast("Index", MemoryIndex())
    told = gather(cursor, Syntax.of(cursor.document), index, CompletionPolicy(), large_ms=500.0)
    assert [(one.path, one.text, one.stable) for one in told] == [("main.py", imports, True)]
    assert not ContextGatherer().gather(cursor, Syntax.of(cursor.document), index, CompletionPolicy())
    near = parse_cursor(imports + "\n\nx = $0\n")
    assert not ContextGatherer().gather(near, None, index, CompletionPolicy(), large_ms=500.0)


def test_a_large_models_time_bounds_the_search() -> None:
    deadlines: list[float] = []

    class Timed(MemoryIndex):
        def search(self, query: Query, *, limit: int = 10, deadline: float | None = None) -> tuple[Hit, ...]:
            assert deadline is not None
            deadlines.append(deadline - time.monotonic())
            return super().search(query, limit=limit)

    for large_ms in (0.0, 2_000_000.0):
        list_paths(index=Timed(), policy=CompletionPolicy(context_ms=100_000), large_ms=large_ms)
    assert deadlines[0] < 100 < deadlines[1] < 300


def test_the_query_is_made_of_the_last_three_lines() -> None:
    index = MemoryIndex()
    list_paths("a\nb\n\nc\nd$0\n", index=index)
    assert index.queries[0].text == "b\nc\nd"


def test_the_query_names_what_the_file_imports() -> None:
    index = MemoryIndex()
    list_paths("from shapes.round import Circle\nimport math as m\nx = Circle$0\n", index=index)
    assert index.queries[0].imported == ("Circle", "m")
    assert index.queries[0].modules == ("shapes.round", "math")


def test_after_the_deadline_the_snippets_found_so_far_are_used() -> None:
    index = MemoryIndex(hits=(SIMILAR,), defined=(AREA,))
    assert list_paths(index=index, policy=CompletionPolicy(context_ms=0.0)) == ["shapes.py"]
    assert not index.queries


def test_recently_edited_places_in_other_files_come_last_and_are_not_stable() -> None:
    gatherer = ContextGatherer()
    gatherer.remember_place(parse_cursor("#- notes.py\nremember = $0\n"))
    snippets = gatherer.gather(
        parse_cursor(FIXTURE), None, cast("Index", MemoryIndex(defined=(AREA,))), CompletionPolicy()
    )
    assert [(snippet.path, snippet.stable) for snippet in snippets] == [("shapes.py", True), ("notes.py", False)]


def test_a_recently_edited_place_is_not_sent_once_its_file_is_excluded() -> None:
    gatherer = ContextGatherer()
    gatherer.remember_place(parse_cursor("#- keys.py\nKEY = $0\n"))
    assert list_paths(gatherer=gatherer, index=MemoryIndex(excluded={"keys.py": "secret"})) == []


def test_no_more_snippets_than_allowed() -> None:
    hits = tuple(make_hit(f"f{number}.py", f"x = {number}\n") for number in range(9))
    assert len(list_paths(hits=hits, policy=CompletionPolicy(snippets=4))) == 4
