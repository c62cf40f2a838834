"""Rule 2: calls behind a changed signature."""

from __future__ import annotations

import pytest

from tests.agents.next_edit.person import Person, carry_on

AREA = "def area(width, height, unit=None):\n    return width\n\n"


@pytest.mark.parametrize(
    ("old", "new", "call", "after"),
    [
        ("height, unit", "unit", "area(1, 2)", "area(1)"),  # removed: by position, by name, first, last, only
        ("height, unit", "unit", "area(1, height=2)", "area(1)"),
        ("width, height", "height", "area(1, 2)", "area(2)"),
        (", unit=None", "", "area(1, 2, unit=3)", "area(1, 2)"),
        (", unit=None", "", "area(1, 2, 'a, b')", "area(1, 2)"),
        ("unit=None", "measure=None", "area(1, 2, unit=3)", "area(1, 2, measure=3)"),  # named differently
        ("unit=None", "measure=None", "x.area(1, 2, unit=3)", "x.area(1, 2, unit=3)"),  # another function
        (", unit=None", "", "area(1, 2)", "area(1, 2)"),  # fits already
        (", unit=None", "", "area(*sizes)", "area(*sizes)"),  # who knows
        ("height, unit", "unit", "area(1, 2, 3, 4)", "area(1, 2, 3, 4)"),  # did not fit before
        ("height, unit", "h, w, unit", "area(1, height=2)", "area(1, height=2)"),  # cannot be told
    ],
)
def test_calls_are_adapted_to_changed_parameters(old: str, new: str, call: str, after: str) -> None:
    code = f"{AREA}print({call})\n"
    assert carry_on(code, old, new) == code.replace(old, new).replace(call, after)


def test_a_new_parameter_gets_the_variable_of_its_name() -> None:
    code = """\
def show(text):
    print(text)

def run(ctx, text):
    show(text)
    show(text=text)

def other(text):
    show(text)
"""
    after = carry_on(code, "def show(text)", "def show(ctx, text)")
    assert after == code.replace("def show(text)", "def show(ctx, text)").replace(
        "    show(text)\n    show(text=text)", "    show(ctx, text)\n    show(ctx, text=text)"
    )


def test_a_new_parameter_with_a_default_changes_no_call() -> None:
    code = "def show(text):\n    pass\n\ndef run(ctx, text):\n    show(text)\n"
    assert carry_on(code, "show(text):", "show(text, ctx=None):").endswith("    show(text)\n")


def test_methods_are_called_without_their_object_and_constructors_by_their_class() -> None:
    code = """\
class Shape:
    def __init__(self, name, color):
        self.name = name

    def scale(self, by, origin):
        return by

    @staticmethod
    def make(title, tone):
        return Shape(title, tone)

shape.scale(2, None)
Shape("a", "red").scale(origin=None, by=3)
"""
    person = Person({"main": code})
    person.change("(self, by, origin)", "(self, by)")
    assert person.take_all() == 2
    person.change("(self, name, color)", "(self, name)")
    assert person.take_all() == 2
    assert person.texts["main"].count('Shape("a").scale(by=3)') == 1
    assert "return Shape(title)\n" in person.texts["main"]
    assert "shape.scale(2)\n" in person.texts["main"]


def test_calls_in_open_files_that_import_the_function_follow() -> None:
    person = Person(
        {
            "shapes.py": "def area(width, height):\n    pass\n",
            "main.py": "from shapes import area\nprint(area(1, 2))\n",
            "other.py": "from maps import area\nprint(area(1, 2))\n",
        }
    )
    person.change("width, height", "width", "shapes.py")
    assert person.describe() == "main.py:2: , 2 → "
    assert person.take_all() == 1
    assert "area(1, 2)" in person.texts["other.py"]


def test_parameters_that_do_not_parse_are_left_alone() -> None:
    for new in ("def area(width, (", "def area(width, height", "def area(width: [, height, unit=None):"):
        person = Person({"main": AREA + "area(1, 2)\n"})
        person.change("def area(width, height, unit=None):", new)
        assert person.describe() == ""
