"""Code refined by fixing its findings one by one."""

from __future__ import annotations

from agents.edits import Edit, ProposedEdit
from agents.findings import Finding, Fix, Severity
from agents.tasks import refine, running
from agents.tasks.task import Nothing
from indexing.syntax.documents import Document, Span
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.tasks.scenes import make_scene


def review(document: Document) -> tuple[Finding, ...]:
    """Report `bad` with a known fix, and `eval` without."""
    found = []
    if (at := document.text.find("bad")) >= 0:
        fix = Fix("Say it better", (Edit(at, at + 3, "good"),))
        found.append(Finding("bad", Severity.WARNING, Span(at, at + 3), "Bad word.", fix=fix))
    if (at := document.text.find("eval")) >= 0:
        found.append(Finding("eval", Severity.WARNING, Span(at, at + 4), "Runs anything."))
    return tuple(found)


def refine_text(text: str, says: dict[str, str] | None) -> str:
    scene, workplace = make_scene(text)
    workplace.review = review
    whole = type(scene)(scene.document, scene.syntax, Span(0, len(scene.document.text)))
    model = ScriptedModel(says) if says is not None else None
    result = running.propose(refine.TASK, whole, workplace.make_resources(model))
    if isinstance(result, Nothing):
        return result.reason
    assert isinstance(result, ProposedEdit)
    return result.changes[0].after  # type: ignore[union-attr]


def test_all_findings_that_can_be_fixed_are_fixed() -> None:
    assert refine_text("$0bad = 1\nx = eval(y)\n", {"": "x = int(y)"}) == "good = 1\nx = int(y)\n"


def test_without_a_model_known_fixes_are_made() -> None:
    assert refine_text("$0bad = 1\nx = eval(y)\n", None) == "good = 1\nx = eval(y)\n"


def test_a_fix_that_brings_as_many_findings_as_it_removes_is_not_made() -> None:
    assert "No finding here could be fixed" in refine_text("$0x = eval(y)\n", {"": "bad = int(y)"})


def test_where_nothing_is_found_it_says_so() -> None:
    assert refine_text("$0x = 1\n", None).startswith("There are no findings here; nothing was changed.")
