"""A change as one replacement of whole lines that occur once."""

from __future__ import annotations

import pytest

from agents.team.led.replacing import make_replacement


@pytest.mark.parametrize(("before", "after", "old"), [
    ("a\nb\nc\n", "a\nx\nc\n", "b\n"),
    ("a\nb\na\nb\n", "a\nb\na\nx\n", "b\na\nb\n"),
    ("a\nb\na\nc\na\n", "a\nb\nx\nc\na\n", "b\na\nc\n"),
    ("a\nb\n", "a\nx\nb\n", "a\nb\n"),
    ("a\nb", "a\nb\nc\n", "b"),
    ("a\nb\nc\n", "a\nc\n", "b\n"),
    ("a\r\nb\r\n", "a\r\nc\r\n", "b\r\n"),
    ("a\n", "", "a\n"),
])  # fmt: skip
def test_the_replacement_makes_the_change_and_its_lines_occur_once(before: str, after: str, old: str) -> None:
    replacement = make_replacement(before, after)
    assert replacement["old"] == old
    assert before.count(replacement["old"]) == 1
    assert before.replace(replacement["old"], replacement["new"]) == after
