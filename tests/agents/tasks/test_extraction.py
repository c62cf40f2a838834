"""Code out of replies as chat models give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.generator.tasks.extraction import code_in, fitted


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        ("```python\nx = 1\n```\nIt sets x.", "x = 1", "It sets x."),
        ("Sure!\n\n```\nx = 1\n```", "x = 1", "Sure!"),
        ("```py\r\nx = 1\r\n```\r\n", "x = 1", ""),
        ("~~~python\nx = 1\n~~~", "x = 1", ""),
        ("Use `x`:\n```python\nx = 1\n```\nor\n```python\nx = 1\ny = 2\n```", "x = 1\ny = 2", "Use `x`: or"),
        ("1. First\n   ```python\n   if a:\n       b()\n   ```", "if a:\n    b()", "1. First"),
        ('````python\ns = """\n```\n"""\n````', 's = """\n```\n"""', ""),
        ("```markdown\nlook:\n```python\nx\n```\nend\n```", "look:\n```python\nx\n```\nend", ""),
        ("<think>```\nwrong = 1\n```</think>```\nx = 1\n```", "x = 1", ""),
        ("```python\nx = 1", "x = 1", ""),
        ("I cannot do that.", None, "I cannot do that."),
        ("", None, ""),
    ],
)
def test_the_block_and_the_words_beside_it_are_found(reply: str, code: str | None, words: str) -> None:
    found = code_in(reply)
    assert (found.code, found.words) == (code, words)


def test_a_block_that_was_cut_off_is_not_taken() -> None:
    assert code_in("```python\nx = 1", cut_off=True).code is None
    assert code_in("```python\nx = 1\n```\nIt se", cut_off=True).code == "x = 1"


@given(st.text())
def test_any_reply_is_read(reply: str) -> None:
    found = code_in(reply)
    assert found.code is None or fitted(found.code, indentation="  ", newline="\n") is not None


@pytest.mark.parametrize(
    ("code", "indentation", "expected"),
    [
        ("def f():\n    return 1", "    ", "    def f():\n        return 1"),
        ("    def f():\n        return 1", "    ", "    def f():\n        return 1"),
        ("        def f():\n            return 1", "    ", "    def f():\n        return 1"),
        ("\n\nx = 1\n\ny = 2\n\n", "  ", "  x = 1\n\n  y = 2"),
        ("        deep()\n    shallow()", "    ", "    deep()\nshallow()"),
        ('def f():\n    """\nflush\n    """', "", 'def f():\n    """\nflush\n    """'),
        ("    s = '''\nflush\n'''", "    ", "    s = '''\nflush\n'''"),
        ("\tif x:\n\t\ty()", "\t\t", "\t\tif x:\n\t\t\ty()"),
    ],
)
def test_code_is_set_to_the_depth_of_its_place(code: str, indentation: str, expected: str) -> None:
    assert fitted(code, indentation=indentation, newline="\n") == expected


def test_code_gets_the_documents_line_ends() -> None:
    assert fitted("a\nb", indentation="", newline="\r\n") == "a\r\nb"


def test_lines_of_the_surroundings_that_a_reply_repeats_are_dropped() -> None:
    before, after = "import os\nimport sys\n", "\ndef g():\n    pass\n"
    code = f"{before}\ndef f():\n    return 2\n{after}"
    assert fitted(code, indentation="", newline="\n", before=before, after=after) == "def f():\n    return 2"


def test_one_line_that_looks_like_the_one_before_is_kept() -> None:
    assert fitted("x += 1\ny = x", indentation="", newline="\n", before="x += 1\n") == "x += 1\ny = x"
