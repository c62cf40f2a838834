"""In how many chunks a name occurs, and with which words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from indexing.process.analysis import analyze_text
from indexing.segments import Segment, View, build
from indexing.storage.segment_files import SegmentFile

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "doors.py": "def open_door(hinge):\n    oil(hinge)\n    turn_key(hinge)\n",
    "gates.py": "def open_gate(hinge):\n    oil(hinge)\n    push(hinge)\n",
    "walls.py": "def paint_wall(brush):\n    push(brush)\n",
}


@pytest.fixture
def view(tmp_path: Path) -> View:
    files = [
        SegmentFile(number, relative, 0.0, analyze_text(text, "python").blob)
        for number, (relative, text) in enumerate(FILES.items())
    ]
    build(tmp_path / "segment", files)
    return View([("", Segment.open(tmp_path / "segment"))], {}, ())


def test_a_name_shares_the_words_of_the_chunks_that_it_occurs_in(view: View) -> None:
    found = view.count_occurrences(["oil", "push", "absent"], [["hinge"], ["brush", "turn_key"], []], own=None)
    assert {name: each.chunks for name, each in found.items()} == {
        "oil": 4,
        "push": 4,
        "absent": 0,
    }  # a function and its window
    oil, push, absent = (found[name].shared for name in ("oil", "push", "absent"))
    assert 0 < push[0] == pytest.approx(oil[0] / 2)  # both files of one have the word, one of the other
    assert 0 < push[1] == pytest.approx(oil[1])
    assert (oil[2], absent) == (0.0, (0.0, 0.0, 0.0))


def test_a_rare_word_weighs_more_than_a_common_one(view: View) -> None:
    found = view.count_occurrences(["push"], [["hinge"], ["brush"]], own=None)["push"]
    assert found.shared[1] > found.shared[0]


def test_the_own_file_is_not_counted(view: View) -> None:
    found = view.count_occurrences(["push"], [["brush"]], own=("", 2))["push"]
    assert (found.chunks, found.shared) == (2, (0.0,))
