"""Whole lines of a text: the lines that a selection means."""

from __future__ import annotations

import pytest

from agents.tasks.rewriting.line_edits import expand_to_lines
from indexing.syntax.documents import Span


@pytest.mark.parametrize(
    ("span", "lines"), [((0, 0), "a"), ((2, 3), "bc"), ((0, 2), "a"), ((0, 3), "a\nbc"), ((5, 5), ""), ((6, 6), "d")]
)
def test_a_selection_means_its_whole_lines(span: tuple[int, int], lines: str) -> None:
    text = "a\nbc\n\nd"
    found = expand_to_lines(text, Span(*span))
    assert text[found.start : found.end] == lines
