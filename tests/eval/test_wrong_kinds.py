from __future__ import annotations

import pytest

from tests import marked
from tests.eval.wrong_kinds import KINDS, find_kind


@pytest.mark.parametrize(
    ("fixture", "suggested", "remaining", "expected"),
    [
        ("def f():\n    $0\n", "    return 1", "return 1", "column"),
        ("def f(a, b, $0): ...\n", "a", "c", "repeated"),
        ("x = 1\n$0\ny = 2\n", "z = 3\ny = 2", "z = 3", "doubled"),
        ("x = f($0)\n", "1)", "2", "doubled"),
        ("x = $0\n", "nowhere", "1", "unknown_name"),
        ("x = 1\ny = $0\n", "x + 2", "x + 3", "later_word"),
        ("x = 1\ny = $0\n", "x + 2", "12", "first_word"),
        ("x = 1\nxy = 2\nz = $0\n", "x", "xy", "first_word"),
    ],
)
def test_a_new_suggestion_has_the_first_kind_that_fits(
    fixture: str, suggested: str, remaining: str, expected: str
) -> None:
    at = fixture.index("$0")
    assert find_kind(marked.parse(fixture).text, at, suggested, remaining, is_new=True) == expected
    assert expected in KINDS


def test_the_rest_of_a_suggestion_that_is_typed_is_a_kind_of_its_own() -> None:
    assert find_kind("x = 1\ny = \n", 10, "x + 2", "x + 3", is_new=False) == "typed_on"
