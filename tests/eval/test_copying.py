from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.eval.copying import CopyFloor
from tests.eval.masks import Place, cut_file
from tests.marked import parse

if TYPE_CHECKING:
    from pathlib import Path

TWINS = """
#- first.py
def open_door(door, key):
    door.unlock(key)
    door.swing(ninety)
    return door.state(open, now, here)
#- second.py
def open_window(door, key):
    door.unlock(key)
    door.swing(ninety)
    result = call(a, b, c, d)
"""


def find_last_place(tmp_path: Path, relative: str) -> Place:
    return cut_file(tmp_path / relative, relative, "x", random.Random(3))[-1]  # noqa: S311 - repeats


def test_the_line_after_the_most_similar_window_is_copied(tmp_path: Path) -> None:
    root = parse(TWINS).write(tmp_path)
    floor = CopyFloor.of(sorted(root.rglob("*.py")))
    place = find_last_place(tmp_path, "second.py")
    whole = Place(place.path, place.relative, place.text, place.text.index("result ="), place.end, "in-file", "line")
    assert floor.complete(whole) == "return door.state(open, now, here)"


def test_what_is_typed_must_agree_and_the_masked_line_itself_is_never_copied(tmp_path: Path) -> None:
    root = parse(TWINS).write(tmp_path)
    floor = CopyFloor.of(sorted(root.rglob("*.py")))
    place = find_last_place(tmp_path, "second.py")
    typed = Place(place.path, place.relative, place.text, place.text.index("= call"), place.end, "in-file", "border")
    assert floor.complete(typed) == ""
