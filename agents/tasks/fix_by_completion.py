"""Mends a finding by writing its lines anew: what comes must be rid of the finding and bring no other.

Where tests speak of the function, they are run with each of the likeliest (behind the gate), and the result is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.completion.cursor import width
from agents.edits import ProposedEdit
from agents.tasks import edit_ranking, filling, testing
from agents.tasks.filling import Hole
from agents.tasks.functions import function_at
from agents.tasks.proposals import change, not_here, not_written, notes_of
from agents.tasks.task import Kind, Needs, Offer, Task, TestRun
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.completion.plan import Plan
    from agents.findings import Finding
    from agents.tasks.edit_ranking import Ranked
    from agents.tasks.task import Means, Result, Scene

_MOST_LINES = 20  # what is longer is not mended by being written once more
_TRIED = 3  # candidates with which tests are run


def offer(scene: Scene) -> Offer | None:
    """For a finding at the place whose fix is not known already."""
    finding = next((one for one in scene.findings if applies(scene, one)), None)
    if finding is None:
        return None
    return Offer(f"Fix with the model: {finding.code}", finding.span, finding=finding)


def applies(scene: Scene, finding: Finding) -> bool:
    """Whether a finding is one that its lines written anew may mend."""
    known = finding.fix is not None and bool(finding.fix.edits)
    lines = scene.document.text.count("\n", finding.span.start, finding.span.end) + 1
    return not known and lines <= _MOST_LINES and scene.syntax.available


def propose(scene: Scene, means: Means) -> Result:
    """The likeliest lines that are rid of the finding."""
    here = _lines(scene.document.text, scene.span)
    present = [one for one in means.review(scene.document) if _touches(one.span, here)]
    finding = next((one for one in present if applies(scene, one)), None)
    if finding is None:
        return not_here("The finding is not there any more")
    means.report(f"fixing {finding.code}")
    lines = _lines(scene.document.text, finding.span)
    found: list[filling.Filling] = []
    hole = Hole(scene.document, lines.start, lines.end)
    for hint in (_hint(scene, lines, finding), ""):
        hinted = Hole(scene.document, lines.start, lines.end, hint=hint)
        found += filling.block(hinted, means, _plan(scene, lines), scene=scene)
    candidates = [edit_ranking.Candidate((hole.edit(one.text),), one.likelihood) for one in found]
    mended = [one for one in edit_ranking.ranked(candidates, scene, means) if _is_rid_of(one, finding, present)]
    if not mended:
        return not_written(f"The model found no lines that are rid of {finding.code} and parse")
    best, run = _tested(mended[:_TRIED], scene, lines, means)
    return ProposedEdit(
        title=f"Fix {finding.code}",
        why=finding.message,
        by="generator",
        changes=(change(scene.document, best.candidate.edits),),
        model=means.model.entry.name if means.model is not None else "",
        notes=notes_of(best, run),
    )


def _tested(tried: Sequence[Ranked], scene: Scene, lines: Span, means: Means) -> tuple[Ranked, TestRun | None]:
    """The first with which the tests of the function pass, else the likeliest; None where no test speaks of it."""
    function = function_at(scene.syntax, lines.start)
    test = testing.covering(scene.document, function, means) if function is not None else None
    if test is None:
        return tried[0], None
    means.report(f"running {test.name}")
    runs = means.run_tests([[change(scene.document, one.candidate.edits)] for one in tried], test)
    passing = next(((one, run) for one, run in zip(tried, runs, strict=False) if run.green), None)
    return passing or (
        tried[0],
        runs[0] if runs else TestRun(ran=False, said="nobody allowed it, or there is no way to."),
    )


def _touches(one: Span, other: Span) -> bool:
    return one.start <= other.end and other.start <= one.end


def _lines(text: str, span: Span) -> Span:
    """The finding's lines, from their first character that is not white space."""
    start = text.rfind("\n", 0, span.start) + 1
    start += len(text[start:]) - len(text[start:].lstrip(" \t"))
    end = text.find("\n", max(span.end - 1, span.start))
    end = len(text) if end < 0 else end
    return Span(start, max(start, end - text.endswith("\r", 0, end)))


def _plan(scene: Scene, lines: Span) -> Plan:
    text = scene.document.text
    head = text[text.rfind("\n", 0, lines.start) + 1 : lines.start]
    several = text.count("\n", lines.start, lines.end) + 1
    return filling.planned(width(head), lines=several + 3, one_statement=several == 1)


def _hint(scene: Scene, lines: Span, finding: Finding) -> str:
    text = scene.document.text
    head = text[text.rfind("\n", 0, lines.start) + 1 : lines.start]
    comment = scene.document.entry.line_comment or "//"
    return f"{comment} {' '.join(finding.message.split())[:120]}\n{head}"


def _is_rid_of(one: Ranked, finding: Finding, present: list[Finding]) -> bool:
    """No such finding any more near its place, and none in exchange."""
    edit = one.candidate.edits[0]
    near = Span(edit.start, edit.start + len(edit.text))
    before = sum(each.code == finding.code for each in present)
    now = sum(each.code == finding.code and _touches(each.span, near) for each in one.findings)
    return now < max(before, 1) and not one.new


TASK = Task("fix", Kind.QUICK_FIX, Needs.COMPLETION, offer, propose)
