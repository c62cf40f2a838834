"""Rule 3: the last edit repeated where the same tokens stand."""

from __future__ import annotations

from agents.next_edit.next_edits import Kind
from tests.agents.next_edit.person import Person, carry_on

TESTS = """\
def test_a():
    client = app.test_client(use_cookies=True)
    assert client.get("/a").data == "a"

def test_b():
    client = app.test_client(use_cookies=True)
    assert client.get("/b").data == "b"

def test_c():
    other = make(use_cookies=True)
"""


def test_a_removal_is_repeated_between_the_same_neighbours() -> None:
    person = Person({"main": TESTS})
    person.change("_a():\n    client = app.test_client(use_cookies=True)", "_a():\n    client = app.test_client()")
    edit = person.propose()
    assert edit is not None
    assert edit.candidate.kind is Kind.REPEAT
    assert edit.candidate.reason == "`use_cookies=True` was removed at a similar place."
    person.take()
    assert person.texts["main"].count("app.test_client()") == 2
    assert "make(use_cookies=True)" in person.texts["main"]


def test_after_a_rejection_the_change_is_not_repeated_any_more() -> None:
    code = TESTS + TESTS.replace("test_a", "test_d").replace("test_b", "test_e")
    person = Person({"main": code})
    person.change("_a():\n    client = app.test_client(use_cookies=True)", "_a():\n    client = app.test_client()")
    edit = person.propose()
    assert edit is not None
    person.editor.record_outcome(edit.id, accepted=False)
    assert person.describe() == ""


def test_the_indentation_of_a_line_does_not_matter() -> None:
    line = "log.warn(name, path, found, 'it is old')\n"
    person = Person({"main": f"if a:\n    {line}if b:\n    if a:\n        {line}"})
    person.change(f"if a:\n    {line}if", f"if a:\n    {line.replace('warn', 'warning')}if")
    person.take_all()
    assert "log.warn(" not in person.texts["main"]


def test_a_word_that_stands_elsewhere_between_other_neighbours_is_left_alone() -> None:
    code = "print(True)\nuse(True)\nf(x, True, y)\n"
    assert carry_on(code, "print(True)", "print(False)") == code.replace("print(True)", "print(False)")


def test_a_line_that_was_inserted_is_not_repeated() -> None:
    code = "import a\n\n\ndef f():\n    pass\n\n\ndef g():\n    pass\n"
    assert carry_on(code, "def f():\n    pass", "def f():\n    x = 1\n    pass").count("x = 1") == 1
