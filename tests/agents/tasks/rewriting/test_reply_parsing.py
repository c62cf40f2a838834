"""Code and words in replies of chat models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.tasks.rewriting.reindenting import detect_unit_at, reindent
from agents.tasks.rewriting.reply_parsing import drop_repeated_lines, extract_code
from indexing.syntax.documents import Document

PYTHON = Document("file:///a.py", None, "python", "")


def fit_code(code: str, *, indentation: str, unit: str = "    ", piece: str = "") -> str:
    lines = drop_repeated_lines(code)
    if not lines:
        return ""
    return "\n".join(reindent(lines, PYTHON, piece=piece, indentation=indentation, unit=unit))


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
    found = extract_code(reply)
    assert (found.code, found.words) == (code, words)


@pytest.mark.parametrize(
    ("reply", "language", "code"),
    [
        ('```json\n{"a": 1, "b": 2, "c": 3}\n```', "python", None),
        ('```python\nx = 1\n```\nIt prints\n```json\n{"a": 1, "b": 2, "c": 3}\n```', "python", "x = 1"),
        ("```sh\npip install something-long\n```\n```py\nx = 1\n```", "python", "x = 1"),
        ("```{.python}\nx = 1\n```", "python", "x = 1"),
        ("```javascript\nx = 1\n```", "typescript", "x = 1"),  # small models name a neighbour
        ("```bash\nx=1\n```", "bash", "x=1"),
        ("```sh title=a.sh\nx=1\n```", "bash", "x=1"),
        ("```yml\nx: 1\n```", "yaml", "x: 1"),
        ("```yml\nx: 1\n```", "go", None),
        ('```json\n{"a": 1}\n```', "json", '{"a": 1}'),
        ("```\nx = 1\n```", "python", "x = 1"),
        ("```json\n[1]\n```", "", "[1]"),
    ],
)
def test_a_block_that_says_it_is_no_code_of_the_document_is_left(reply: str, language: str, code: str | None) -> None:
    assert extract_code(reply, language=language).code == code


def test_a_block_that_was_cut_off_is_not_taken() -> None:
    assert extract_code("```python\nx = 1", cut_off=True).code is None
    assert extract_code("```python\nx = 1\n```\nIt se", cut_off=True).code == "x = 1"


@given(st.text())
def test_any_reply_is_read(reply: str) -> None:
    found = extract_code(reply)
    assert found.code is None or fit_code(found.code, indentation="  ") is not None


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
        (
            "def f():\n    '''Say.\n\n    More.\n    '''",
            "    ",
            "    def f():\n        '''Say.\n\n        More.\n        '''",
        ),
    ],
)
def test_code_is_set_to_the_depth_of_its_place(code: str, indentation: str, expected: str) -> None:
    assert fit_code(code, indentation=indentation) == expected


TABS = [
    ("def f():\n    return 1", "\t", "\tdef f():\n\t\treturn 1"),
    ("def f():\n  if x:\n    return 1", "\t", "\tdef f():\n\t\tif x:\n\t\t\treturn 1"),
    ("    def f():\n        return 1", "\t", "\tdef f():\n\t\treturn 1"),
    ("\tdef f():\n\t    return 1", "\t", "\tdef f():\n\t\treturn 1"),
    ("\tif x:\n\t\ty()", "\t\t", "\t\tif x:\n\t\t\ty()"),
    ("def f():\n    return foo(a,\n               b)", "", "def f():\n\treturn foo(a,\n\t           b)"),
    ("def f():\n    x = [\n        a,\n    ]", "", "def f():\n\tx = [\n\t\ta,\n\t]"),
    ("def f():\n    g(x, [\n        a,\n    ])", "", "def f():\n\tg(x, [\n\t\ta,\n\t])"),
    (
        "def f():\n    s = '''\n    a\n        b\n    '''\n    return s",
        "",
        "def f():\n\ts = '''\n    a\n        b\n    '''\n\treturn s",
    ),
    ("def f():\n    s = '('  # (\n    return s", "", "def f():\n\ts = '('  # (\n\treturn s"),
]


@pytest.mark.parametrize(("code", "indentation", "expected"), TABS)
def test_code_takes_the_tabs_of_its_document(code: str, indentation: str, expected: str) -> None:
    assert fit_code(code, indentation=indentation, unit="\t") == expected


def test_code_takes_narrow_steps_and_gives_up_tabs() -> None:
    assert (
        fit_code("def f():\n    if x:\n        y()", indentation="  ", unit="  ") == "  def f():\n    if x:\n      y()"
    )
    assert fit_code("def f():\n\tif x:\n\t\ty()", indentation="", unit="    ") == "def f():\n    if x:\n        y()"


def test_the_inside_of_a_string_stays_as_it_stands_in_the_document() -> None:
    piece = "\tdef f(self):\n\t\treturn '''\n\t\t  one\n\t\t'''"
    code = "def f(self):\n    x = '''\n      one\n    '''\n    return x"
    expected = "\tdef f(self):\n\t\tx = '''\n\t\t  one\n\t\t'''\n\t\treturn x"
    assert fit_code(code, indentation="\t", unit="\t", piece=piece) == expected


@pytest.mark.parametrize(
    ("piece", "before", "after", "unit"),
    [
        ("def f():\n\treturn 1", "if x:\n    y\n" * 9, "", "\t"),
        ("def f():\n  return 1", "if x:\n    y\n", "", "  "),
        ("x = 1", "if x:\n    y\n" * 9 + "\n" * 30 + "if x:\n\ty\n", "", "\t"),
        ("x = 1", "", "if x:\n  y\n", "  "),
        ("x = 1", "", "", "   "),
    ],
)
def test_the_step_of_a_mixed_file_is_that_of_the_place(piece: str, before: str, after: str, unit: str) -> None:
    assert detect_unit_at(piece, before, after, "   ") == unit


def test_lines_of_the_surroundings_that_a_reply_repeats_are_dropped() -> None:
    before, after = "import os\nimport sys\n", "\ndef g():\n    pass\n"
    code = f"{before}\ndef f():\n    return 2\n{after}"
    assert drop_repeated_lines(code, before=before, after=after) == ["def f():", "    return 2"]


def test_one_line_that_looks_like_the_one_before_is_kept() -> None:
    assert drop_repeated_lines("x += 1\ny = x", before="x += 1\n") == ["x += 1", "y = x"]


def test_of_too_many_blocks_only_the_first_ones_are_read() -> None:
    found = extract_code("```\ndef f(): pass\n```\n" * 5_000)
    assert found.code == "def f(): pass"
    assert 1 < len(found.blocks) < 100
