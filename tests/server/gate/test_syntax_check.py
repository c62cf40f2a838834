from __future__ import annotations

from server.gate.syntax_check import find_broken_line


def test_syntax_that_is_newer_than_the_grammar_breaks_nothing() -> None:
    assert find_broken_line("file:///w/a.py", None, "x = 1\n", "class Box[T = int]:\n    x: T\n") is None


def test_the_line_that_breaks_is_named() -> None:
    assert find_broken_line("file:///w/a.py", None, "x = 1\n", "x = 1\ny = (\n") == 2
