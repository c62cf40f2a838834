"""On a blank line, a suggestion begins at a column of its block, wherever the cursor is; or there is none."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.generator import Generator
from agents.completion.plan import plan
from agents.completion.polish import Insertion, Polisher
from agents.completion.shaping.indentation import compute_padding, fit
from agents.suggestions import Trigger
from indexing.index import Index
from indexing.syntax.documents import Document
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.doubles import parse_cursor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = """import json


def load(path):
    with open(path, encoding="utf-8") as handle:
        content = handle.read()
    settings = parse_settings(content)
    return settings
"""
GO = (
    "package main\n\nfunc load(path string) string {\n\tif len(path) > 3 {\n\t\tprintln(path, 3)\n\t}\n"
    "\tsettings := parse(path)\n\treturn settings\n}\n"
)
YAML = "jobs:\n  build:\n    env:\n      FIRST_NAME: one\n    strategy: matrix_of_builds\n    steps: none\n"


class Desk:
    """A workspace of open files, whose code is recalled while one of them is completed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = Index([root / "workspace"], storage=root / "storage")

    def put(self, name: str, language: str, text: str) -> Document:
        path = self.root / "workspace" / name
        document = Document(path.as_uri(), path, language, text)
        self.index.open_document(document)
        return document

    def complete(
        self, document: Document, at: int, model: ScriptedModel | None = None, trigger: Trigger = Trigger.AUTOMATIC
    ) -> str | None:
        """Return the document with the suggestion at the offset `at` applied, None without a suggestion."""
        generator = Generator(self.index, model, policy=CompletionPolicy(threshold=0.1, recall_ms=10_000))
        found = generator.complete(document, at, trigger=trigger, cancelled=lambda: False).suggestions
        generator.close()
        if not found:
            return None
        text = document.text
        return text[: found[0].start] + found[0].text + text[found[0].end :]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "workspace").mkdir()
    made = Desk(tmp_path)
    yield made
    made.index.close()


def cut_before(text: str, line: str) -> tuple[str, int]:
    """Return `text` up to `line`, which is its right continuation, and the length of that part."""
    at = text.index(line)
    return text[:at], at


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("pad", range(9))
def test_a_recalled_line_gets_the_column_of_its_block_wherever_the_cursor_is(
    desk: Desk, pad: int, trigger: Trigger
) -> None:
    for number in range(3):
        desk.put(f"m{number}.py", "python", PYTHON.replace("load", f"load_{number}"))
    head, at = cut_before(PYTHON, "    settings")
    for tail in ("\n", "\n\n\ndef after():\n    pass\n", "\n    print(path)\n"):
        text = head + " " * pad + tail
        found = desk.complete(desk.put("main.py", "python", text), at + pad, trigger=trigger)
        if pad <= 4:
            assert found is not None
            assert found.startswith(f"{head}    settings = parse_settings(content)\n")
        if found is not None and trigger is Trigger.AUTOMATIC:
            ast.parse(found)


@pytest.mark.parametrize("pad", ["", "\t"])
def test_a_recalled_line_between_braces_is_indented_with_tabs(desk: Desk, pad: str) -> None:
    for number in range(3):
        desk.put(f"m{number}.go", "go", GO)
    head, at = cut_before(GO, "\tsettings")
    found = desk.complete(desk.put("main.go", "go", f"{head}{pad}\n}}\n"), at + len(pad))
    right = f"{head}\tsettings := parse(path)\n}}\n"
    assert found == right or (found is None and not pad)  # or nothing


@pytest.mark.parametrize("pad", [0, 1, 2, 3, 4])
def test_a_recalled_line_of_yaml_goes_on_with_its_mapping_or_is_left_out(desk: Desk, pad: int) -> None:
    for number in range(3):
        desk.put(f"m{number}.yml", "yaml", YAML)
    head, at = cut_before(YAML, "    strategy")
    found = desk.complete(desk.put("main.yml", "yaml", f"{head}{' ' * pad}\n"), at + pad)
    assert found in {None, f"{head}    strategy: matrix_of_builds\n"}
    assert found is not None or pad not in {0, 4}


def test_lines_of_a_recalled_block_are_indented_together(desk: Desk) -> None:
    block = PYTHON.replace(
        "    return settings\n", "    if settings:\n        return settings\n    raise ValueError(path)\n"
    )
    for number in range(3):
        desk.put(f"m{number}.py", "python", block.replace("load", f"load_{number}"))
    head, at = cut_before(block, "    settings")
    found = desk.complete(desk.put("main.py", "python", f"{head}\n"), at, trigger=Trigger.INVOKED)
    assert found is not None
    assert found.startswith(block.rstrip("\n")[: len(head) + 60])
    ast.parse(found)


def test_a_line_of_a_model_that_ends_a_block_too_early_is_not_shown(desk: Desk) -> None:
    text = "def f(x):\n    y = x\n\n    return y\n"
    document = desk.put("main.py", "python", text)
    at = text.index("\n    return")
    assert desk.complete(document, at, ScriptedModel({"y = x\n": "total = y + 1\n"})) is None
    assert desk.complete(document, at, ScriptedModel({"y = x\n": "    total = y + 1\n"})) == text.replace(
        "\n\n", "\n    total = y + 1\n"
    )


@pytest.mark.parametrize(
    ("fixture", "language", "expected"),
    [
        ("def f():\n    x = 1\n  $0\n", "python", "  "),
        ("def f():\n    x = 1\n    $0\n", "python", ""),
        ("def f():\n    x = 1\n$0\n", "python", ""),
        ("def f():\n    x = 1\n      $0\n", "python", None),
        ("def f():\n      $0\n", "python", ""),
        ("def f():\n      $0\n    return x\n", "python", None),
        ("with x:\n    if y:\n        z()\n  $0\n    return\n", "python", "  "),
        ("if x:\n\ty()\n$0\tz()\n", "python", ""),
        ("if x:\n\tif y:\n\t\tz()\n  $0\n", "python", None),
        ("@cache\n  $0\n", "python", None),
        ("x = {\n    'a': (\n  $0\n", "python", ""),
        ("def f():\n  $0\n", "python", "  "),
        ("class A:\n    def f(self):\n        x = 1\n     $0\n", "python", "   "),
        ("class A:\n    def f(self):\n        x = 1\n    $0\n", "python", ""),
        ("def f():\n  if x:\n    y = 1\n   $0\n", "python", " "),
        ("def f():\n\tif x:\n\t\ty = 1\n\t$0\n", "python", ""),
        ("x = f(\n  a,\n   $0\n)\n", "python", ""),
        ("x = '''\n   $0\n'''\n", "python", ""),
        ("function f() {\n    let x = 1;\n  $0\n}\n", "javascript", "  "),
        ("function f() {\n  let x = 1;\n  $0\n}\n", "javascript", ""),
        ("function f() {\n  let x = 1;\n       $0\n}\n", "javascript", ""),
        ("a:\n  b: 1\n $0\n", "yaml", " "),
        ("a:\n  b: 1\n   $0\n", "yaml", None),
        ("a:\n  - b: 1\n   $0\n", "yaml", " "),
        ("a:\n \t$0\n", "yaml", None),
        ("a: |\n  text\n   $0\n", "yaml", ""),
        ("a: [\n   $0\n", "yaml", ""),
        ("# Title\n\n - one\n $0\n", "markdown", ""),
    ],
)
def test_a_blank_line_is_padded_to_the_next_column(fixture: str, language: str, expected: str | None) -> None:
    assert compute_padding(parse_cursor(fixture, language)) == expected


@pytest.mark.parametrize(
    ("fixture", "text", "expected"),
    [
        ("def f():\n    x = 1\n$0\n    return x\n", "y = 2", ""),
        ("def f():\n    x = 1\n$0\n    return x\n", "    y = 2", "    y = 2"),
        ("def f():\n    x = 1\n$0\n", "  y = 2", ""),
        ("def f():\n    x = 1\n\n\n$0\n", "def g():\n    pass", "def g():\n    pass"),
        ("def f():\n$0\n", "return 1", ""),
        ("def f():\n    $0\n", "return 1", "return 1"),
        ("def f():\n$0\n        return 1\n", "    y = 2", ""),
        ("x = [\n$0\n    2,\n]\n", "1,", "1,"),
        ("if x:\n    y()\n$0\n    z()\n", "else:", "else:"),
        # Nothing is kept from the first line on that is in no open block.
        ("def f():\n    $0\n", "x = 1\n      y = 2\n    return x", "x = 1"),
        ("def f():\n    $0\n    return x\n", "x = 1\ny = 2", "x = 1"),
        ("def f():$0\n", "\n    x = 1\n      y = 2", "\n    x = 1"),
        # A block gets the step of the blocks around it, not that of the rest of the document.
        ("def f():\n    pass\n\n\nif x:\n\tif y:\n\t\t$0\n", "if z:\n            a()", "if z:\n\t\t\ta()"),
        ("if x:\n  \tif y:\n  \t$0\n", "a()", ""),
        ("if x:\n  \tif y:\n  \t\t$0\n", "a()\n    b()", "a()\n  \tb()"),
        # A decorator is followed by a definition.
        ("class A:\n    @property\n    $0\n", "def f(self): ...\n    x = 1", "def f(self): ...\n    x = 1"),
        ("class A:\n    @cache(\n        1\n    )\n$0\n", "def f(self): ...", ""),
        ("@cache\n$0\n", "def f():\n    pass", "def f():\n    pass"),
        # Lines in strings and brackets, and comments, may have any column.
        ('def f():\n    """Say.\n$0\n    """\n', "no", "no"),
        ("def f():\n    $0\n", 'x = """\n  a\n"""\n    return x', 'x = """\n  a\n"""\n    return x'),
        ('def f():\n    """Say.\n\n\n  $0\n    """\n', "no", "no"),
        ("def f():\n    $0\n", "x = g(\n  1)\n    return x", "x = g(\n  1)\n    return x"),
        ("def f():\n    $0\n", "x = 1 + \\\n  2\n    return x", "x = 1 + \\\n  2\n    return x"),
        ("def f():\n    if x:\n        y()\n  # note\n  $0\n", "z()", ""),
        ("def f(a, b[\n\n\ndef g():\n    $0\n", "return 1", "return 1"),  # a bracket that was never closed
        ("x = f(1\nreturn\n  $0\n", "y", ""),
    ],
)
def test_only_lines_in_an_open_block_are_kept(fixture: str, text: str, expected: str) -> None:
    assert fit(text, parse_cursor(fixture)) == expected


def test_text_that_python_cannot_compile_breaks_the_syntax() -> None:
    """The grammar for open_editor allows a `return` at the top level and an `else` without an `if`."""
    cursor = parse_cursor("def f(x):\n    return x\n\n\n$0\n")
    polisher = Polisher(cursor, plan(cursor, None, trigger=Trigger.AUTOMATIC, policy=CompletionPolicy()))
    assert polisher.breaks_syntax(Insertion("return x + 1"))
    assert not polisher.breaks_syntax(Insertion("value = f(1)"))


@pytest.mark.parametrize("size", [10, 2_000])
def test_in_a_long_class_only_the_method_around_the_cursor_is_checked(size: int) -> None:
    filler = "".join(f"    def m{number}(self):\n        return {number}\n\n" for number in range(size // 5))
    fixture = f"class A:\n{filler}    def last(self, x):\n        for y in x:\n            $0\n        return x\n"
    cursor = parse_cursor(fixture)
    polisher = Polisher(cursor, plan(cursor, None, trigger=Trigger.AUTOMATIC, policy=CompletionPolicy()))
    assert polisher.breaks_syntax(Insertion("yield = y"))
    assert polisher.breaks_syntax(Insertion("x = 1\n          z = 2"))
    assert not polisher.breaks_syntax(Insertion("print(y)"))


def test_a_decorator_recalled_from_the_top_level_is_indented_in_a_class(desk: Desk) -> None:
    source = "@overload\ndef get(name: str, call: int = 1) -> str: ...\n@overload\ndef get(name: str) -> int: ...\n"
    for number in range(3):
        desk.put(f"m{number}.py", "python", source * 3)
    head = "class A:\n    x = 1\n\n    @overload\n    def get(name: str, call: int = 1) -> str: ...\n"
    found = desk.complete(desk.put("main.py", "python", f"{head}    \n"), len(head) + 4, trigger=Trigger.INVOKED)
    assert found is not None
    assert found.startswith(f"{head}    @overload\n")
