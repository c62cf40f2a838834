"""The task "fix": the completion model rewrites a finding's lines, so that the finding is gone and no new one appears.

Where a test file mentions the function, the tests run with the likeliest candidates (through the gate), and the
proposal shows their result. `fix_by_chat` is the same for chat models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.completion.cursor import measure_indentation
from agents.edits import ProposedEdit
from agents.tasks import edit_ranking, filling, testing
from agents.tasks.filling import Hole
from agents.tasks.functions import find_function_at
from agents.tasks.proposals import build_change, decline_answer, decline_place, list_notes
from agents.tasks.task import Kind, Needs, Offer, Task, TestRun
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.completion.plan import Plan
    from agents.findings import Finding
    from agents.tasks.edit_ranking import RankedCandidate
    from agents.tasks.task import Resources, Result, Scene

_MOST_LINES = 20  # of a finding that the completion model may rewrite
_MOST_TESTED = 3  # candidates that the tests are run with


def offer(scene: Scene) -> Offer | None:
    """Return the offer for the first finding of the scene that has no known fix and is short; None without one."""
    finding = next((one for one in scene.findings if is_applicable(scene, one)), None)
    if finding is None:
        return None
    return Offer(f"Fix with the model: {finding.code}", finding.span, finding=finding)


def is_applicable(scene: Scene, finding: Finding) -> bool:
    """Return whether a finding may be fixed by rewriting its lines.

    It has no known fix and at most 20 lines, and the document has a syntax tree.
    """
    known = finding.fix is not None and bool(finding.fix.edits)
    lines = scene.document.text.count("\n", finding.span.start, finding.span.end) + 1
    return not known and lines <= _MOST_LINES and scene.syntax.available


def propose(scene: Scene, resources: Resources) -> Result:
    """Return a proposal that replaces the finding's lines by the model's best ones that remove it; else `Nothing`.

    If a test file mentions the function, asks a person for permission to run it, and prefers lines that pass.

    Raises:
        Cancelled: the request was cancelled.
    """
    here = _select_lines(scene.document.text, scene.span)
    present = resources.review(scene.document)
    finding = next((one for one in present if _overlaps(one.span, here) and is_applicable(scene, one)), None)
    if finding is None:
        return decline_place("The finding is not there any more")
    resources.report(f"fixing {finding.code}")
    lines = _select_lines(scene.document.text, finding.span)
    found: list[filling.Filling] = []
    hole = Hole(scene.document, lines.start, lines.end)
    for hint in (_build_hint(scene, lines, finding), ""):
        hinted = Hole(scene.document, lines.start, lines.end, hint=hint)
        found += filling.fill_block(hinted, resources, _plan_lines(scene, lines), scene=scene)
    candidates = [edit_ranking.Candidate((hole.make_edit(one.text),), one.likelihood) for one in found]
    fixed = [one for one in edit_ranking.rank(candidates, scene, resources) if _has_fewer(one, finding.code, present)]
    if not fixed:
        return decline_answer(f"The model found no lines without {finding.code} that parse")
    best, run = _choose_by_tests(fixed[:_MOST_TESTED], scene, lines, resources)
    return ProposedEdit(
        title=f"Fix {finding.code}",
        why=finding.message,
        by="generator",
        changes=(build_change(scene.document, best.candidate.edits),),
        model=resources.model.entry.name if resources.model is not None else "",
        notes=list_notes(best, run),
    )


def _choose_by_tests(
    tried: Sequence[RankedCandidate], scene: Scene, lines: Span, resources: Resources
) -> tuple[RankedCandidate, TestRun | None]:
    """Run the function's tests with each candidate; return the first that passes, else the first, and its test run.

    Asks a person first whether the tests may run. The test run is None where no test file mentions the function, or
    there is no function; its `ran` is false where running was refused.
    """
    function = find_function_at(scene.syntax, lines.start)
    test = testing.find_covering_test(scene.document, function, resources) if function is not None else None
    if test is None:
        return tried[0], None
    resources.report(f"running {test.name}")
    runs = resources.run_tests([[build_change(scene.document, one.candidate.edits)] for one in tried], test)
    passing = next(((one, run) for one, run in zip(tried, runs, strict=False) if run.green), None)
    return passing or (
        tried[0],
        runs[0] if runs else TestRun(ran=False, output="permission was refused, or there is no way to run them."),
    )


def _overlaps(one: Span, other: Span) -> bool:
    """Return whether the two spans overlap or touch."""
    return one.start <= other.end and other.start <= one.end


def _select_lines(text: str, span: Span) -> Span:
    """Return the whole lines of `span`, without the first line's indentation and the last line's end."""
    start = text.rfind("\n", 0, span.start) + 1
    start += len(text[start:]) - len(text[start:].lstrip(" \t"))
    end = text.find("\n", max(span.end - 1, span.start))
    end = len(text) if end < 0 else end
    return Span(start, max(start, end - text.endswith("\r", 0, end)))


def _plan_lines(scene: Scene, lines: Span) -> Plan:
    """Return a plan for as many lines as there are now and three more; for one line, a plan for one statement."""
    text = scene.document.text
    head = text[text.rfind("\n", 0, lines.start) + 1 : lines.start]
    several = text.count("\n", lines.start, lines.end) + 1
    return filling.plan_block(measure_indentation(head), lines=several + 3, one_statement=several == 1)


def _build_hint(scene: Scene, lines: Span, finding: Finding) -> str:
    """Return a comment with the finding's message, and on the next line the indentation of the first of `lines`."""
    text = scene.document.text
    head = text[text.rfind("\n", 0, lines.start) + 1 : lines.start]
    comment = scene.document.entry.line_comment or "//"
    return f"{comment} {' '.join(finding.message.split())[:120]}\n{head}"


def _has_fewer(ranked: RankedCandidate, code: str, present: Sequence[Finding]) -> bool:
    """Return whether the rewritten lines have fewer findings with `code` than before, and the document no new ones.

    `present` are the findings in the document before.
    """
    edit = ranked.candidate.edits[0]
    old, new = Span(edit.start, edit.end), Span(edit.start, edit.start + len(edit.text))
    before = sum(one.code == code and _overlaps(one.span, old) for one in present)
    after = sum(one.code == code and _overlaps(one.span, new) for one in ranked.findings)
    return after < before and not ranked.new


TASK = Task("fix", Kind.QUICK_FIX, Needs.COMPLETION, offer, propose)
