from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.findings import Finding, Severity
from agents.reviewer.reviewer import Reviewer
from indexing.resolution.files import TableCache
from indexing.resolution.names import DocumentNames
from tests.agents.reviewer.labels import WITHOUT_RUFF, make_document
from tests.indexing.resolution.workspaces import TextFiles

if TYPE_CHECKING:
    from indexing.syntax.documents import Document

DRAW = "def draw(width, height, color=None):\n    return width, height, color\n\n\n"
SIZE = """\
class Size:
    def __init__(self, width, height):
        self.width, self.height = width, height

    def resize(self, old, new, *rest):
        return old, new, rest


"""


def review(text: str) -> list[Finding]:
    """Return the findings of the rule in `text`."""
    found = Reviewer(WITHOUT_RUFF).review(make_document(text, path=Path("/nowhere/main.py")))
    return [one for one in found if one.code == "argument-order"]


def fix(text: str) -> str:
    """Return `text` with the fix of its one finding."""
    (finding,) = review(text)
    assert finding.fix is not None
    assert finding.fix.safe
    for edit in sorted(finding.fix.edits, key=lambda each: -each.start):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def test_exchanged_arguments_are_a_warning_that_names_both() -> None:
    text = f"{DRAW}def show(width, height):\n    draw(height, width)\n"
    (finding,) = review(text)
    assert finding.severity is Severity.WARNING
    assert text[finding.span.start : finding.span.end] == "height, width"
    assert finding.message == ("`height` and `width` are swapped: `draw` takes `width` before `height`.")


@pytest.mark.parametrize(
    ("call", "fixed"),
    [
        ("draw(height, width)", "draw(width, height)"),
        ("draw(height, width, color=1)", "draw(width, height, color=1)"),
        ("draw(color, height, width)", "draw(width, height, color)"),
        ("Size(height, width)", "Size(width, height)"),
        ("size.resize(new, old)", "size.resize(old, new)"),
        ("draw(size.height, size.width)", "draw(size.width, size.height)"),
    ],
)
def test_the_fix_exchanges_the_two_arguments(call: str, fixed: str) -> None:
    head = f"{DRAW}{SIZE}def show(width, height, color, old, new):\n    size = Size(width, height)\n"
    assert fix(f"{head}    {call}\n") == f"{head}    {fixed}\n"


@pytest.mark.parametrize(
    "body",
    [
        "draw(width, height)",
        "draw(height=height, width=width)",
        "draw(height, height)",
        "draw(height, other)",  # the other one is not the name of a parameter
        "draw(*height, width)",
        "draw(size.height, width)",
        "unknown(height, width)",
        "size.resize(other, new, old)",
        "x = draw(height, width) if width > height else draw(width, height)",
        "if width > height:\n        draw(height, width)",
        "width, height = height, width\n    draw(height, width)",
        "swap_sides(height, width)",
        "draw = print\n    draw(height, width)",
    ],
)
def test_other_calls_and_exchanges_on_purpose_are_not_reported(body: str) -> None:
    swap = "def swap_sides(width, height):\n    return height, width\n\n\n"
    head = f"{DRAW}{SIZE}{swap}def show(width, height, other, old, new):\n    size = Size(width, height)\n"
    assert review(f"{head}    {body}\n") == []


def test_a_function_that_transposes_is_left_alone() -> None:
    assert review(f"{DRAW}def transpose(width, height):\n    return draw(height, width)\n") == []


def test_names_of_one_letter_are_left_alone() -> None:
    assert review("def at(x, y):\n    return x, y\n\n\ndef turn(x, y):\n    return at(y, x)\n") == []


def test_meanings_with_different_signatures_are_left_alone() -> None:
    either = "if DEBUG:\n    def draw(width, height): ...\nelse:\n    def draw(height, width): ...\n\n\n"
    assert review(f"DEBUG = False\n{either}def show(width, height):\n    draw(height, width)\n") == []


def test_the_signature_comes_from_another_file_of_the_workspace() -> None:
    def open_names(document: Document, offset: int, *, deadline: float | None = None) -> DocumentNames:
        files, tables = TextFiles({"drawing.py": DRAW}), TableCache()
        return DocumentNames(
            document.text, offset, language="python", root="", relative="main.py", key=None, files=files,
            tables=tables, deadline=deadline,
        )  # fmt: skip

    text = "from drawing import draw\n\n\ndef show(width, height):\n    draw(height, width)\n"
    document = make_document(text, path=Path("/nowhere/main.py"))
    found = Reviewer(WITHOUT_RUFF, open_names=open_names).review(document)
    assert [one.code for one in found] == ["argument-order"]
    assert Reviewer(WITHOUT_RUFF).review(document) == ()
