"""Mends a finding with the chat model, and says why: what comes must be rid of the finding and bring no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.tasks import fix_by_completion
from agents.tasks.functions import function_at
from agents.tasks.proposals import not_here
from agents.tasks.rewriting.chat_rewrite import Wish, rewritten
from agents.tasks.task import Kind, Needs, Offer, Task

if TYPE_CHECKING:
    from agents.findings import Finding
    from agents.tasks.edit_ranking import Ranked
    from agents.tasks.task import Means, Result, Scene
    from indexing.syntax.documents import Span

_MOST_LINES = 120  # of a function that is shown as a whole, so that its other lines can change with it


def offer(scene: Scene) -> Offer | None:
    """For a finding at the place whose fix is not known already."""
    finding = next((one for one in scene.findings if fix_by_completion.applies(scene, one)), None)
    if finding is None:
        return None
    return Offer(f"Fix with the chat model: {finding.code}", finding.span, finding=finding)


def propose(scene: Scene, means: Means) -> Result:
    """The function around the finding, or its lines, without it."""
    present = means.review(scene.document)
    known = [
        one
        for one in (*present, *scene.findings)
        if _touches(one.span, scene.span) and fix_by_completion.applies(scene, one)
    ]
    if not known:
        return not_here("The finding is not there any more")
    finding = known[0]
    task = f"Mend this, and nothing else: {finding.message} It is about: {_quoted(scene, finding)}"
    checked = sum(one.code == finding.code for one in present)
    wish = Wish(
        _around(scene, finding),
        task,
        f"Fix {finding.code}",
        accepts=lambda one: not checked or _count(one, finding) < checked,
        missed=f"this is still there: {finding.message}",
        words=finding.message,
    )
    return rewritten(wish, scene, means)


def _count(one: Ranked, finding: Finding) -> int:
    return sum(each.code == finding.code for each in one.findings)


def _around(scene: Scene, finding: Finding) -> Span:
    """The function around the finding where it is short enough, else the finding's own lines."""
    function = function_at(scene.syntax, finding.span.start)
    if function is None or function.span.end < finding.span.end:
        return finding.span
    lines = scene.document.text.count("\n", function.span.start, function.span.end) + 1
    return function.span if lines <= _MOST_LINES else finding.span


def _quoted(scene: Scene, finding: Finding) -> str:
    return scene.document.text[finding.span.start : finding.span.end].split("\n", 1)[0][:200]


def _touches(one: Span, other: Span) -> bool:
    return one.start <= other.end and other.start <= one.end


TASK = Task("mend", Kind.QUICK_FIX, Needs.CHAT, offer, propose)
