"""Rule 3: the last edit repeated where the same tokens stand."""

from __future__ import annotations

import math

from agents.next_edit.changed_tokens import list_changes
from agents.next_edit.history import EditHistory
from agents.next_edit.next_edits import Kind
from agents.next_edit.repetition import find_repeatable, join_repeatable, list_repetitions
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


def repeat(text: str, old: str, new: str) -> list[str]:
    """Return what `text` would be with each repetition of the only `old` becoming `new`, however unlikely."""
    start = text.index(old)
    after = text[:start] + new + text[start + len(old) :]
    history = EditHistory()
    history.note_change("main", text, after)
    (edit,) = history.list_recent(1.0)
    changes = join_repeatable([find_repeatable(list_changes(edit, after), "main", after)])
    found = [each.candidate for one in changes for each in list_repetitions(one, "main", after, -math.inf)]
    return [after[: one.start] + one.text + after[one.end :] for one in found]


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
    line = "log.warn_about_old_version(name, path, found)\n"
    person = Person({"main": f"if a:\n    {line}if b:\n    if a:\n        {line}"})
    person.change(f"if a:\n    {line}if", f"if a:\n    {line.replace('warn_about', 'report')}if")
    person.take_all()
    assert "log.warn_about" not in person.texts["main"]


def test_a_word_that_stands_elsewhere_between_other_neighbours_is_left_alone() -> None:
    code = "print(True)\nuse(True)\nf(x, True, y)\n"
    assert carry_on(code, "print(True)", "print(False)") == code.replace("print(True)", "print(False)")


def test_a_line_that_was_inserted_is_not_repeated() -> None:
    code = "import a\n\n\ndef f():\n    pass\n\n\ndef g():\n    pass\n"
    assert carry_on(code, "def f():\n    pass", "def f():\n    x = 1\n    pass").count("x = 1") == 1


def test_what_was_removed_at_the_end_of_a_line_is_found_after_other_code() -> None:
    code = "one = load(path)  # type: ignore\nother(a)  # type: ignore\nlast = 1\n"
    assert repeat(code, "load(path)  # type: ignore", "load(path)") == ["one = load(path)\nother(a)\nlast = 1\n"]


def test_whole_lines_are_removed_at_any_indentation() -> None:
    line = 'monkeypatch.setattr(time, "time", fake_clock.time)\n'
    code = f"def f():\n    {line}    run(1)\n\ndef g():\n    if a:\n        {line}        run(2)\n"
    after = carry_on(code, f"def f():\n    {line}    run", "def f():\n    run")
    assert after == "def f():\n    run(1)\n\ndef g():\n    if a:\n        run(2)\n"


def test_inserted_lines_get_the_indentation_of_their_place() -> None:
    call = "runner = CliRunner(mix_stderr=False)\n"
    code = f"def f():\n    {call}    run(runner)\n\ndef g():\n    if a:\n        {call}        run(runner)\n"
    old = f"def f():\n    {call}"
    (after,) = repeat(code, old, f"{old}    runner.check = True\n    runner.mark = 1\n")
    assert after.endswith(f"        {call}        runner.check = True\n        runner.mark = 1\n        run(runner)\n")


def test_a_line_that_is_added_at_the_end_of_a_block_stays_in_the_block() -> None:
    code = "def f():\n    first(1)\n\ndef g():\n    if a:\n        first(1)\n\n"
    (after,) = repeat(code, "def f():\n    first(1)\n", "def f():\n    first(1)\n    second(1)\n")
    assert after.endswith("        first(1)\n        second(1)\n\n")


def test_a_change_that_opens_a_bracket_alone_is_not_repeated() -> None:
    assert repeat("x = f(a)\ny = f(a)\n", "x = f(a)", "x = g(f(a))") == []


def test_after_two_equal_edits_less_has_to_agree() -> None:
    code = "".join(f"class {name}:\n    def {name.lower()}_all(self, e):\n        pass\n\n" for name in "ABCDE")
    person = Person({"main": code})
    person.change("def a_all(self, e)", "def a_all(self, context, e)")
    person.change("def b_all(self, e)", "def b_all(self, context, e)")
    assert person.describe() == "main:10:  → context, "
    assert person.take_all() == 3


def test_an_inserted_line_is_not_inserted_again_beside_itself() -> None:
    code = "".join(f"    def {name}_method(self, value):\n        pass\n\n" for name in "abcdef")
    person = Person({"main": "class A:\n" + code})
    for name in "ab":
        person.change(f"    def {name}_m", f"    @setupmethod\n    def {name}_m")
    person.take_all()
    assert person.texts["main"].count("@setupmethod") <= 6
    assert "@setupmethod\n    @setupmethod" not in person.texts["main"]


def test_accepted_repetitions_allow_one_more_rejection() -> None:
    code = "".join(f"def test_{name}():\n    {name} = app.test_client(use_cookies=True)\n\n" for name in "bcdefg")
    person = Person({"main": code})
    person.change("b = app.test_client(use_cookies=True)", "b = app.test_client()")
    assert person.take()
    assert person.take()
    edit = person.propose()
    assert edit is not None
    person.editor.record_outcome(edit.id, accepted=False)
    assert person.describe() != ""
