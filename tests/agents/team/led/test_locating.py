"""The code that a request is about: by names written as code, by files, else by search."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from agents.team.led.locating import MOST_PLACES, list_file_names, locate
from indexing.records import Hit
from tests.agents.doubles import MemoryIndex

if TYPE_CHECKING:
    from collections.abc import Collection

    from indexing.syntax.documents import Document
    from tests.agents.team.bench import TeamBench

FILES = """
#- src/cart.py
max_size = 3


def total():
    first = 1
    second = 2
    return first + second
#- src/shop.py
def total(): ...


class Shop:
    def total(self): ...
#- secret.py
def total(): ...
"""


class LastNameIndex(MemoryIndex):
    """An index that finds a qualified definition by the last part of its name, as the real one does."""

    def find_definitions(
        self, names: Collection[str], *, document: Document, limit: int = 10, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        """Return the definitions whose last name is among `names`."""
        del document, deadline
        return tuple(hit for hit in self.defined if hit.name.rpartition(".")[2] in names)[:limit]


def make_hit(bench: TeamBench, relative: str, name: str) -> Hit:
    """Return a definition of `name` in the first lines of a file."""
    return Hit(bench.root / relative, relative, 0, 9, "def total(): ...", 1.0, name)


def find_names(
    bench: TeamBench, request: str, *, defined: tuple[Hit, ...] = (), hits: tuple[Hit, ...] = ()
) -> list[str]:
    """Return file and name of the places that `request` is about, with an index that knows these definitions."""
    bench.write(FILES)
    index: Any = LastNameIndex(hits=hits, defined=defined)
    places = locate(request, index, bench.workbench).places
    return [f"{one.path.name} {one.name}" for one in places]


@pytest.mark.parametrize(("request_", "first"), [
    ("Round the result of total in src/shop.py.", "shop.py total"),
    ("Was macht `total` in cart.py?", "cart.py total"),
    ("Round Shop.total", "shop.py Shop.total"),
    ("make max_size an integer", "cart.py max_size"),
])  # fmt: skip
def test_a_file_or_a_qualified_name_decides_between_definitions(request_: str, first: str, bench: TeamBench) -> None:
    names = [
        ("src/cart.py", "total"),
        ("src/shop.py", "total"),
        ("src/shop.py", "Shop.total"),
        ("src/cart.py", "max_size"),
    ]
    defined = tuple(make_hit(bench, *one) for one in names)
    assert find_names(bench, request_, defined=defined)[0] == first


def test_a_definition_of_which_the_index_knows_a_part_is_found_whole(bench: TeamBench) -> None:
    bench.write(FILES)
    part = Hit(bench.root / "src/cart.py", "src/cart.py", 4, 6, "    first = 1\n    second = 2", 1.0, "")
    index: Any = LastNameIndex(defined=(replace(part, name="total"),))
    (place,) = locate("Explain total()", index, bench.workbench).places
    assert (place.name, place.first_line, place.last_line) == ("total", 3, 7)
    assert place.text == "def total():\n    first = 1\n    second = 2\n    return first + second"


def test_words_that_name_nothing_are_searched(bench: TeamBench) -> None:
    hits = (make_hit(bench, "src/cart.py", "total"), make_hit(bench, "src/shop.py", "Shop"))
    assert find_names(bench, "How are prices added up?", hits=hits) == ["cart.py total", "shop.py Shop"]
    assert find_names(bench, "How are prices added up in shop.py?", hits=hits)[0] == "shop.py Shop"


def test_excluded_files_and_places_beyond_the_limit_are_left_out(bench: TeamBench) -> None:
    hits = tuple(make_hit(bench, f"src/{name}.py", name) for name in ("secret", "a", "b", "c", "d"))
    assert find_names(bench, "prices", hits=hits) == ["a.py a", "b.py b", "c.py c"]
    assert MOST_PLACES == 3


def test_a_long_request_is_read_in_linear_time() -> None:
    began = time.process_time()
    assert list_file_names("a/" * 10_000 + " area.py") == ("area.py",)
    assert time.process_time() - began < 2


def test_nothing_is_found_in_an_empty_index(bench: TeamBench) -> None:
    assert find_names(bench, "Hello!") == []
