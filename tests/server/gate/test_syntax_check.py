from __future__ import annotations

import pytest

from server.gate import syntax_check
from server.gate.syntax_check import find_broken_line

PYTHON = """import os


def one():
    return 1


def two(a, b):
    x = a + b
    return x


def three():
    return 3
"""
SCRIPT = """function one() {
  return 1;
}

function two(a, b) {
  const x = a + b;
  return x;
}
"""


def test_syntax_that_is_newer_than_the_grammar_breaks_nothing() -> None:
    assert find_broken_line("file:///w/a.py", None, "x = 1\n", "class Box[T = int]:\n    x: T\n") is None


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("earlier", ["import os", "import (os"])
@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("return 1", "return '1", 5),
        ("def two(a, b):", "def two(a, b)", 8),
        ("x = a + b", "x = (a + b", 9),
        ("x = a + b", "x = a +", 9),  # a parser notices it in the next line
        ("return x", "y = 1\n    return x)", 11),
        ("return 3", "return (3", 14),
    ],
)
def test_the_changed_line_is_named_also_in_a_file_with_an_earlier_error(
    old: str, new: str, line: int, earlier: str, ending: str
) -> None:
    before = PYTHON.replace("import os", earlier)
    texts = [text.replace("\n", ending) for text in (before, before.replace(old, new))]
    assert find_broken_line("file:///w/a.py", None, texts[0], texts[1]) == line


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("const x = a + b", "const x = (a + b", 6),
        ("function two(a, b) {", "function two(a, b)", 5),
        ("return x;", "return x;\n}", 9),
    ],
)
def test_the_line_of_another_language_is_named(old: str, new: str, line: int) -> None:
    assert find_broken_line("file:///w/a.js", None, SCRIPT, SCRIPT.replace(old, new)) == line


def test_of_several_edits_the_one_that_breaks_is_named() -> None:
    before = PYTHON.replace("import os", "import (os")
    edited = before.replace("return 1", "return 2").replace("return x", "return x + 1").replace("return 3", "return (3")
    assert find_broken_line("file:///w/a.py", None, before, edited) == 14


def test_a_line_is_a_line_of_the_editor_not_one_of_unicode() -> None:
    before = "a = '\u2028\x0c\x85'\nb = 2\nc = 3\n"
    assert find_broken_line("file:///w/a.py", None, before, before.replace("c = 3", "c = (3")) == 3


def test_a_change_of_very_many_lines_names_a_line_of_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax_check, "MOST_ALIGNED", 1)
    edited = PYTHON.replace("return 1", "return 2").replace("return 3", "return (3")
    assert find_broken_line("file:///w/a.py", None, PYTHON, edited) == 14
