"""The tasks of the instructions' table are whole, and a place is found by its mark."""

from __future__ import annotations

import pytest

from tests.eval.instructions import Task, is_parseable, locate_cursor, parse_numbers, read_tasks

TEXT = "import os\n\ndef f():\n    return os.name\n"


def test_there_are_twenty_instructions_and_ten_refactorings() -> None:
    listed = read_tasks()
    assert [one.number for one in listed] == list(range(1, 31))
    assert sum(one.refactor for one in listed) == 10
    assert all(one.words or one.refactor for one in listed)


def test_a_place_is_where_its_mark_stands() -> None:
    assert locate_cursor(Task(1, "a", "a.py", "return os.name"), TEXT) == "4:5"
    assert locate_cursor(Task(1, "a", "a.py", "import os"), TEXT) == "1:1"


@pytest.mark.parametrize("mark", ["os", "nowhere"])
def test_a_mark_that_is_not_there_once_is_refused(mark: str) -> None:
    with pytest.raises(ValueError, match="times"):
        locate_cursor(Task(1, "a", "a.py", mark), TEXT)


def test_numbers_are_read_from_a_list() -> None:
    assert parse_numbers("1,5-7") == {1, 5, 6, 7}


def test_a_text_parses_or_not() -> None:
    assert is_parseable(TEXT)
    assert not is_parseable("def f(:\n")
