from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from tests.eval.masks import Place, cut_file
from tests.marked import parse

if TYPE_CHECKING:
    from pathlib import Path

SHAPES = '''
#- shapes/area.py
"""Areas of shapes are computed here, in this module."""
from shapes.units import metre, inch
import math


@decorated(by=something, more=1)
def area(radius: float, unit: str) -> float:
    """The docstring stays, and is never masked."""
    factor = metre(unit) * math.pi
    again = metre(unit) * inch
    plain = radius * radius * 2  # a comment keeps its line out
    x = 1
    return factor * radius * radius
'''


def find_lines(tmp_path: Path, fixture: str) -> list[tuple[str, str]]:
    """Return (category, whole masked line) of every place."""
    return [(place.category, read_line(place)) for place in choose_all_places(tmp_path, fixture)]


def choose_all_places(tmp_path: Path, fixture: str) -> list[Place]:
    marked = parse(fixture)
    marked.write(tmp_path)
    relative = next(iter(marked.files))
    return cut_file(tmp_path / relative, relative, "shapes", random.Random(1))  # noqa: S311 - repeats


def read_line(place: Place) -> str:
    return place.text[place.text.rfind("\n", 0, place.start) + 1 : place.end].strip()


def test_only_code_of_five_tokens_is_masked_and_sorted_by_what_it_uses(tmp_path: Path) -> None:
    assert find_lines(tmp_path, SHAPES) == [
        ("in-file", "def area(radius: float, unit: str) -> float:"),
        ("first-use", "factor = metre(unit) * math.pi"),
        ("first-use", "again = metre(unit) * inch"),
        ("in-file", "return factor * radius * radius"),
    ]


def test_a_later_use_of_an_imported_name_is_cross_file(tmp_path: Path) -> None:
    fixture = "from .units import metre\nfirst = metre(1) + 2\nsecond = metre(2) + 3\n"
    assert [category for category, _ in find_lines(tmp_path, fixture)] == ["first-use", "cross-file"]


def test_a_place_gives_back_its_file_when_the_target_is_put_in(tmp_path: Path) -> None:
    found = choose_all_places(tmp_path, SHAPES)
    assert found
    for place in found:
        assert place.holed[: place.start] + place.target + place.holed[place.start :] == place.text
        assert place.target
        assert "\n" not in place.target


def test_a_string_over_several_lines_is_never_cut(tmp_path: Path) -> None:
    fixture = 'first = call(1, 2)\nquery = run("""select a, b\nfrom c, d, e\n""", more)\n'
    assert [line for _, line in find_lines(tmp_path, fixture)] == ["first = call(1, 2)"]


def test_broken_code_and_odd_bytes_have_no_places(tmp_path: Path) -> None:
    path = tmp_path / "odd.py"
    for content in (b"def f(:\n  x = a + b + c\n", b"x = '\xff' + a + b + c\n", b"\0 x = a + b + c"):
        path.write_bytes(content)
        assert cut_file(path, "odd.py", "odd", random.Random(1)) == []  # noqa: S311 - repeats


def test_cuts_are_made_at_the_start_between_tokens_and_inside_words(tmp_path: Path) -> None:
    fixture = "".join(f"amount_{number} = total(price, {number}) + 1\n" for number in range(60))
    found = choose_all_places(tmp_path, fixture)
    assert {place.cut for place in found} == {"line", "border", "word"}
    for place in found:
        line = place.text[: place.start].rpartition("\n")[2]
        inside = re.search(r"\w\Z", line) is not None and re.match(r"\w", place.target) is not None
        assert inside is (place.cut == "word"), place.target
        assert (line == "") is (place.cut == "line"), place.target
