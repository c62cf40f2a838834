"""Rule 5: imports that became unused, or are missing."""

from __future__ import annotations

import pytest

from agents.next_edit import imports
from agents.next_edit.next_edits import Kind
from tests.agents.next_edit.person import Person, carry_on


@pytest.mark.parametrize(
    ("imports", "after"),
    [
        ("import os\nimport sys\n", "import sys\n"),
        ("import os.path\n", ""),
        ("import sys, os\n", "import sys\n"),
        ("from posix import os, path\n", "from posix import path\n"),
        ("from posix import os\n", ""),
        ("import os  # noqa\n", "import os  # noqa\n"),
        ("import posix as os\n", "import posix as os\n"),
        (
            "try:\n    import os\nexcept ImportError:\n    pass\n",
            "try:\n    import os\nexcept ImportError:\n    pass\n",
        ),
    ],
)
def test_an_import_whose_last_use_was_removed_is_removed(imports: str, after: str) -> None:
    assert carry_on(imports + "\nprint(os.sep)\n", "os.sep", "1") == after + "\nprint(1)\n"


@pytest.mark.parametrize("rest", ["use(os)\n", '__all__ = ["os"]\n', "# os\n"])
def test_an_import_that_something_may_use_stays(rest: str) -> None:
    code = f"import os\n\nprint(os.sep)\n{rest}"
    assert carry_on(code, "os.sep", "1").startswith("import os\n")


def test_an_import_of_a_package_stays() -> None:
    person = Person({"pack/__init__.py": "from .a import b\n\nprint(b)\n"})
    person.change("print(b)\n", "print(1)\n")
    assert person.describe() == ""


@pytest.mark.parametrize(
    ("code", "old", "new", "after"),
    [
        ("import os\n\nuse()\n", "use()", "use(re.compile('a'))", "import re"),
        ("import os\n\nuse()\n", "use()", "use(Path('a'))", "from pathlib import Path"),
        ("import os\n\nuse()\n", "use()", "use(time)", None),  # may be anything
        ("import os\n\nuse()\n", "use()", "use(unknown.thing)", None),
        ("from os import *\n\nuse()\n", "use()", "use(re.compile('a'))", None),
        ("import os\n\nre = 1\nuse()\n", "use()", "use(re.real)", None),
        ("import os\n\nuse()\n", "use()", "use(len('a'))", None),
    ],
)
def test_an_import_that_a_new_name_lacks_is_added(code: str, old: str, new: str, after: str | None) -> None:
    person = Person({"main": code})
    person.change(old, new)
    edit = person.propose()
    assert (edit is None) is (after is None)
    if edit is not None:
        assert edit.candidate.kind is Kind.IMPORT
        assert after in edit.candidate.text
        assert person.take_all() == 1


def test_a_name_is_imported_as_in_another_open_file_unless_they_differ() -> None:
    texts = {"main.py": "import os\n\nuse()\n", "a.py": "from shapes.plane import Circle\n"}
    person = Person(dict(texts))
    person.change("use()", "use(Circle)")
    assert person.describe().endswith("from shapes.plane import Circle\n")
    person = Person({**texts, "b.py": "from drawing import Circle\n"})
    person.change("use()", "use(Circle)")
    assert person.describe() == ""


def test_a_line_of_spaces_after_an_import_takes_little_time() -> None:
    assert imports._PLAIN.fullmatch("import " + " " * 50_000 + "(") is None
    assert imports._PLAIN.fullmatch("from a  import  b, c") is not None


def test_an_unused_import_is_removed_where_lines_end_with_a_carriage_return() -> None:
    text = "import os\r\nimport sys, re\r\nprint(os, sys, re)\r\n"
    assert carry_on(text, "os, sys", "sys") == "import sys, re\r\nprint(sys, re)\r\n"
    assert carry_on(text, ", re)", ")") == "import os\r\nimport sys\r\nprint(os, sys)\r\n"
