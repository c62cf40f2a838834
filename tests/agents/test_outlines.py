"""Outlines of the code around a piece, in few lines."""

from __future__ import annotations

import pytest

from agents.outlines import extract_signature, outline_classes, select_imports
from agents.pieces import Piece
from agents.related_code import collect_signatures
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax
from tests.agents.doubles import MemoryIndex, make_document, make_hit

PYTHON = '''import os
import re
from typing import Any


class Shape:
    """A shape.

    Long.
    """

    limit: int = 3

    def __init__(self, r):
        self.r = r
        self.name: str = ""

    @property
    def area(self):
        return self.scaled(os.fspath(1))

    def _private(self):
        return 2

    def scaled(self, n: int) -> int:
        return n * 5
'''


def make_piece(text: str, part: str, language: str = "python") -> Piece:
    document = make_document(text, language)
    at = text.index(part)
    return Piece(document, Syntax.of(document), Span(at, at + len(part)))


def always(_: str) -> bool:
    return True


def test_the_head_of_a_class_names_its_fields_and_what_the_piece_uses_first() -> None:
    head = outline_classes(make_piece(PYTHON, "def area(self):\n        return self.scaled(os.fspath(1))"), always)
    assert head.splitlines() == [
        "class Shape",
        '    """A shape.',
        "    limit: int = 3",
        "    # fields: r, name",
        "    def scaled(self, n: int) -> int",
        "    def __init__(self, r)",
        "    def _private(self)",
    ]


def test_a_head_that_is_too_long_loses_its_last_members() -> None:
    piece = make_piece(PYTHON, "def area(self):\n        return self.scaled(os.fspath(1))")
    assert outline_classes(piece, lambda text: len(text) < 70).splitlines()[-1] == "    # fields: r, name"
    assert outline_classes(piece, lambda _: False) == ""


def test_code_outside_of_classes_has_no_outline() -> None:
    assert outline_classes(make_piece("def f():\n    return 1\n", "def f():\n    return 1"), always) == ""
    assert outline_classes(make_piece(PYTHON, PYTHON[PYTHON.index("class Shape") :].rstrip()), always) == ""


@pytest.mark.parametrize(
    ("language", "text", "part", "expected"),
    [
        (
            "typescript",
            "class A {\n  n = 1;\n  f(): number {\n    return 1;\n  }\n  g(x: number) {\n    return x;\n  }\n}\n",
            "f(): number {\n    return 1;\n  }",
            "g(x: number)",
        ),
        (
            "rust",
            "struct A {\n    r: i32,\n}\n\nimpl A {\n    fn f(&self) -> i32 {\n        1\n    }\n    fn g(&self) {}\n}\n",  # noqa: E501
            "fn f(&self) -> i32 {\n        1\n    }",
            "fn g(&self)",
        ),
        (
            "go",
            "type A struct {\n\tR int\n}\n\nfunc (a *A) F() int {\n\treturn 1\n}\n\nfunc (a *A) G() {\n}\n",
            "func (a *A) F() int {\n\treturn 1\n}",
            "func (a *A) G()",
        ),
    ],
)
def test_outlines_work_in_other_languages(language: str, text: str, part: str, expected: str) -> None:
    assert expected in outline_classes(make_piece(text, part, language), always)


def test_imports_that_the_piece_uses_come_first_where_not_all_fit() -> None:
    piece = make_piece(PYTHON, "return self.scaled(os.fspath(1))")
    assert select_imports(piece, always) == "import os\nimport re\nfrom typing import Any"
    assert select_imports(piece, lambda text: len(text) < 12) == "import os"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(a, b):\n    return a", "def f(a, b):"),
        ('def f(\n    a,\n    b,\n) -> int:\n    """Do it.\n\n    More.\n    """\n    return a', "def f(\n    a,\n    b,\n) -> int:"),  # noqa: E501
        ("@cache\ndef f(a):\n    return a", "def f(a):"),
        ("func f(a int) {\n\treturn\n}", "func f(a int) {"),
        ("class f:\n    x = 1\n\n    def __init__(self, a):\n        pass", "class f:\n    def __init__(self, a):"),
    ],
)  # fmt: skip
def test_a_signature_is_the_head_of_a_definition(text: str, expected: str) -> None:
    assert extract_signature(text, "f") == expected


def test_signatures_of_what_a_piece_uses_come_from_the_file_and_the_index() -> None:
    text = "def near(x):\n    return x\n\n\ndef unused():\n    return 1\n\n\ndef f():\n    return near(far(1))\n"
    far = make_hit("lib/far.py", "def far(x):\n    return 'body'\n", name="far")
    secret = make_hit("lib/keys.py", "def far(x):\n    return 'hunter2'\n", name="far")
    index = MemoryIndex(defined=(far, secret), excluded={"keys.py": "secret"})
    found = collect_signatures(make_piece(text, "def f():\n    return near(far(1))"), index, always)  # type: ignore[arg-type]
    assert "def near(x):" in found
    assert "lib/far.py\ndef far(x):" in found
    assert "body" not in found
    assert "unused" not in found
    assert "keys.py" not in found
    assert collect_signatures(make_piece(text, "return near(far(1))"), index, lambda _: False) == ""  # type: ignore[arg-type]
