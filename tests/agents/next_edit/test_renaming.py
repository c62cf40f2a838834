"""Rule 1: a rename carried on."""

from __future__ import annotations

import pytest

from agents.next_edit.next_edits import Kind, NextEditPolicy
from tests.agents.next_edit.person import Person, carry_on

CODE = """\
import os

LIMIT = 3

def area(width, height):
    total = width * height
    print(width, "width", total)  # width
    return width

class Shape:
    limit = 3

    def run(self):
        self.count = 1
        return self.count + self.limit

    def other(self, width):
        self.run()
        return self.count, width

def main(shape):
    width = area(3, 4) + area(1, LIMIT)
    shape.count = os.getpid()
"""


def test_a_renamed_parameter_is_renamed_in_its_function_only() -> None:
    after = carry_on(CODE, "def area(width", "def area(breadth")
    assert after == CODE.replace(
        """def area(width, height):
    total = width * height
    print(width, "width", total)  # width
    return width""",
        """def area(breadth, height):
    total = breadth * height
    print(breadth, "width", total)  # width
    return breadth""",
    )


def test_a_renamed_function_is_renamed_where_it_is_called_and_a_line_is_one_edit() -> None:
    person = Person({"main": CODE})
    person.change("def area", "def measure")
    assert person.describe() == "main:22: area(3, 4) + area → measure(3, 4) + measure"
    assert person.take_all() == 1
    assert person.texts["main"] == CODE.replace("area", "measure")


def test_a_renamed_constant_is_renamed_at_its_uses() -> None:
    assert carry_on(CODE, "LIMIT = 3", "MOST = 3") == CODE.replace("LIMIT", "MOST")


def test_a_renamed_import_is_renamed_at_its_uses() -> None:
    assert carry_on(CODE, "import os\n", "import posix\n") == CODE.replace("os", "posix", 1).replace(
        "os.get", "posix.get"
    )


def test_a_renamed_method_is_renamed_at_its_own_object() -> None:
    assert carry_on(CODE, "def run", "def start") == CODE.replace("def run", "def start").replace(
        "self.run", "self.start"
    )


def test_a_renamed_attribute_is_renamed_at_its_own_object_only() -> None:
    assert carry_on(CODE, "self.count = 1", "self.number = 1") == CODE.replace("self.count", "self.number")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("print(width, ", "print(height, "),  # another variable at one place
        ("print(width, ", "print(breadth, "),  # a name that nothing defines yet
        ("self.run()", "self.other()"),  # another method
        ("return width\n", "return total\n"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("# width\n", "# breadth\n"),
        ('"width"', '"breadth"'),
        ("shape.count =", "shape.number ="),  # who knows what it is
        ("area(3, 4)", "area(4, 4)"),
    ],
)
def test_what_is_no_rename_of_a_definition_is_left_alone(old: str, new: str) -> None:
    person = Person({"main": CODE})
    person.change(old, new)
    assert person.describe() == ""


def test_a_name_that_is_still_defined_is_left_alone() -> None:
    code = "def f(a):\n    value = 1\n    use(value)\n    value = 2\n    return value\n"
    assert carry_on(code, "value = 1", "first = 1") == code.replace("value = 1", "first = 1")


def test_a_comprehension_has_names_of_its_own() -> None:
    code = "def f(rows):\n    row = [row for row in rows]\n    return row\n"
    assert (
        carry_on(code, "    row = [", "    all = [")
        == "def f(rows):\n    all = [row for row in rows]\n    return all\n"
    )


def test_a_name_of_an_inner_function_is_another_one() -> None:
    code = "def f(a):\n    def g(a):\n        return a\n    return g(a)\n"
    assert carry_on(code, "def f(a)", "def f(b)") == "def f(b):\n    def g(a):\n        return a\n    return g(b)\n"


def test_an_accepted_rename_is_not_repeated_where_the_name_means_something_else() -> None:
    lines = "".join(f"    print(width, {number})\n" for number in range(5))
    code = f"def f(width):\n{lines}\n\ndef g(width):\n{lines}"
    after = carry_on(code, "def f(width)", "def f(size)")
    assert after == code.replace("width", "size", 6)


def test_uses_after_the_cursor_come_first() -> None:
    person = Person({"main": "print(a)\na = 1\nprint(a)\n"})
    person.change("a = 1", "b = 1")
    assert person.describe() == "main:3: a → b"
    person.take()
    assert person.describe() == "main:1: a → b"


def test_a_name_that_is_being_shortened_waits_until_the_cursor_leaves_it() -> None:
    person = Person({"main": "values = 1\nprint(values)\n"})
    person.change("values =", "value =")
    person.offset = len("value")
    assert person.describe() == ""
    person.offset = len("value =")
    assert person.describe() == "main:2: values → value"


@pytest.mark.parametrize(
    ("language", "code", "old"),
    [
        ("javascript", "function f(size) { return size + size; }\n", "f(size"),
        ("javascript", "class K { m() { const size = 1; return size; } }\n", "const size"),
        ("typescript", "export function f(size: string): string { return size + size; }\n", "f(size"),
        ("go", "package m\nfunc f(x int) int {\n\tsize := x\n\treturn size * x\n}\n", "size :="),
        ("rust", "fn f(x: u8) -> u8 {\n    let size = x;\n    size * x\n}\n", "let size"),
        ("java", "class K { int f(int size) { return size; } }\n", "(int size"),
        ("c", "int f(int size) {\n  return size;\n}\n", "(int size"),
        ("ruby", "def f(size)\n  size + 1\nend\n", "f(size"),
    ],
)
def test_a_renamed_local_name_is_followed_in_other_languages(language: str, code: str, old: str) -> None:
    assert carry_on(code, old, old.replace("size", "length"), language) == code.replace("size", "length")


def test_open_files_that_import_a_renamed_name_follow_and_others_do_not() -> None:
    person = Person(
        {
            "shapes.py": "def area(r):\n    return r\n",
            "main.py": "from shapes import area\nprint(area(1))\n",
            "other.py": "from maps import area\nprint(area(1))\n",
            "last.py": "from .shapes import area, volume\narea(volume)\n",
        }
    )
    person.change("def area", "def measure", "shapes.py")
    assert person.take_all() == 4
    assert person.texts["main.py"] == "from shapes import measure\nprint(measure(1))\n"
    assert person.texts["last.py"] == "from .shapes import measure, volume\nmeasure(volume)\n"
    assert person.texts["other.py"] == "from maps import area\nprint(area(1))\n"


@pytest.mark.parametrize(
    ("language", "path", "imported", "other"),
    [
        ("python", "a/utils.py", "from a.utils import area\n", "from b.utils import area\n"),
        ("python", "a/utils.py", "from ..a.utils import area\n", "from .b.utils import area\n"),
        ("python", "a/__init__.py", "from .a import area\n", "from b.a import area\n"),
        ("python", "a/mod.py", "from a.mod import area\n", "from a import area\n"),
        ("javascript", "a/utils.js", "import { area } from '../a/utils';\n", "import { area } from '../b/utils';\n"),
        ("javascript", "a.b.js", "import { area } from './a.b';\n", "import { area } from './b';\n"),
    ],
)
def test_a_module_of_the_same_name_in_another_folder_is_another_one(
    language: str, path: str, imported: str, other: str
) -> None:
    head, body = (
        ("def ", "(r):\n    return r\n") if language == "python" else ("export function ", "(r) { return r; }\n")
    )
    person = Person({path: f"{head}area{body}", "one": f"{imported}area(1)\n", "two": f"{other}area(2)\n"}, language)
    person.change(f"{head}area", f"{head}measure", path)
    person.take_all()
    assert "measure(1)" in person.texts["one"]
    assert person.texts["two"] == f"{other}area(2)\n"


def test_what_is_rejected_or_undone_is_not_proposed_again() -> None:
    person = Person({"main": "a = 1\nprint(a)\nuse(a)\n"})
    person.change("a = 1", "b = 1")
    edit = person.propose()
    assert edit is not None
    person.editor.record_outcome(edit.id, accepted=False)
    assert person.describe() == "main:3: a → b"
    person.take()
    person.change("use(b)", "use(a)")
    assert person.describe() == ""


def test_nothing_is_proposed_where_it_is_off_or_the_text_is_too_long() -> None:
    code = "a = 1\nprint(a)\n"
    for policy in (
        NextEditPolicy(enabled=False),
        NextEditPolicy(languages_off=frozenset({"python"})),
        NextEditPolicy(longest_document=5),
        NextEditPolicy(recent_s=-1.0),
    ):
        person = Person({"main": code}, policy=policy)
        person.change("a = 1", "b = 1")
        assert person.describe() == ""


def test_broken_code_and_any_text_are_answered() -> None:
    for language in ("python", "text", "html", "javascript", "markdown"):
        person = Person({"main": "def ((( a = \n a a ]]] \n"}, language)
        person.change("a = ", "b = ")
        person.take_all()


def test_a_superseded_request_has_no_edit() -> None:
    person = Person({"main": "a = 1\nprint(a)\n"})
    person.change("a = 1", "b = 1")
    document = person._make_document("main")
    edits = person.history.list_recent(60)
    assert person.editor.propose(document, 0, edits=edits, cancelled=lambda: True) is None
    assert person.editor.propose(document, 0, edits=edits) is not None


def test_outcomes_are_counted_by_rule() -> None:
    person = Person({"main": "a = 1\nprint(a)\nuse(a)\n"})
    person.change("a = 1", "b = 1")
    first = person.propose()
    assert first is not None
    person.editor.record_shown(first.id)
    person.editor.record_shown(first.id)
    person.editor.record_outcome(first.id, accepted=False)
    person.editor.record_outcome(first.id, accepted=True)
    person.take()
    counted = person.editor.compute_statistics()
    assert (counted.requests, counted.proposed) == (2, 2)
    assert (counted.shown, counted.accepted, counted.rejected) == ({Kind.RENAME: 1}, {Kind.RENAME: 1}, {Kind.RENAME: 1})
