"""Rule 4: the safe fix of a finding on the lines that were just edited."""

from __future__ import annotations

from agents.edits import Edit
from agents.findings import Finding, Fix, Severity
from agents.next_edit.next_edits import Kind
from indexing.syntax.documents import Span
from tests.agents.next_edit.person import Person

CODE = "x = 1\ny = 2\nprint(y == None)\n"


def find(word: str, text: str, *, safe: bool = True) -> Finding:
    at = CODE.index(word)
    fix = Fix("Fix it", (Edit(at, at + len(word), text),), safe=safe)
    return Finding("none-comparison", Severity.WARNING, Span(at, at + len(word)), "Compare with `is`.", fix=fix)


def propose(person: Person, *findings: Finding) -> str:
    person.findings = findings
    edit = person.propose()
    return "" if edit is None else f"{edit.candidate.kind}: {edit.candidate.text}"


def test_a_safe_fix_on_the_edited_lines_is_proposed() -> None:
    person = Person({"main": CODE.replace("None", "Non")})
    person.change("Non", "None")
    assert propose(person, find("y == None", "y is None")) == f"{Kind.FIX}: y is None"


def test_other_fixes_are_not() -> None:
    person = Person({"main": CODE.replace("None", "Non")})
    person.change("Non", "None")
    unsafe, elsewhere = find("y == None", "y is None", safe=False), find("x = 1", "x = 3")
    bare = Finding("a", Severity.WARNING, elsewhere.span, "b")
    assert propose(person, unsafe, elsewhere, bare) == ""
