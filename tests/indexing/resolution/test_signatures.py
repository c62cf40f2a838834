"""Parameters of all calls of a document, at the last line and elsewhere."""

from __future__ import annotations

from pathlib import Path

from indexing.resolution.signatures import open_alone, open_signatures
from indexing.syntax.documents import Document

CODE = """\
def draw(width, height): ...

class Box:
    def __init__(self, size): ...
    def grow(self, amount, *, fast): ...

def run(box: Box, draw_all):
    box.grow(1, fast=2)

def other():
    def draw(depth): ...
    draw(1)
draw(1, 2)"""


def find(callee: str, near: str, language: str = "python") -> list[list[str]]:
    """Return the names of the parameters of each meaning of `callee` where the text `near` begins the last time."""
    document = Document("file:///main.py", Path("/main.py"), language, CODE)
    signatures = open_signatures(document, open_alone)
    assert signatures is not None
    found = signatures.find_parameters(callee, CODE.rindex(near))
    return [[each.name for each in one] for one in found]


def test_a_function_a_method_and_a_class_have_their_parameters_without_receiver() -> None:
    assert find("draw", "draw(1, 2)") == [["width", "height"]]
    assert find("box.grow", "box.grow") == [["amount", "fast"]]
    assert find("Box", "draw(1, 2)") == [["size"]]


def test_a_local_function_hides_the_one_of_the_module() -> None:
    assert find("draw", "draw(1)") == [["depth"]]


def test_variables_and_unknown_names_have_none() -> None:
    assert find("draw_all", "box.grow") == []
    assert find("unknown", "draw(1, 2)") == []


def test_a_language_without_resolution_has_no_signatures() -> None:
    document = Document("file:///main.lua", Path("/main.lua"), "lua", "draw(1)\n")
    assert open_signatures(document, open_alone) is None
