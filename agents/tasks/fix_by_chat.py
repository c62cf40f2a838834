"""A task for chat models: rewrites a finding's function so that the finding is gone, and says why.

`fix_by_completion` is the same for completion models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.tasks import fix_by_completion
from agents.tasks.functions import find_function_at
from agents.tasks.proposals import decline_place
from agents.tasks.rewriting.chat_rewrite import RewriteRequest, rewrite
from agents.tasks.task import Kind, Needs, Offer, Task

if TYPE_CHECKING:
    from agents.findings import Finding
    from agents.tasks.edit_ranking import RankedCandidate
    from agents.tasks.task import Resources, Result, Scene
    from indexing.syntax.documents import Span

_MOST_LINES = 120  # of a function that is rewritten whole, so that its other lines can change too


def offer(scene: Scene) -> Offer | None:
    """Return the offer for the first finding of the scene that has no known fix and is short; None without one."""
    finding = next((one for one in scene.findings if fix_by_completion.is_applicable(scene, one)), None)
    if finding is None:
        return None
    return Offer(f"Fix with the chat model: {finding.code}", finding.span, finding=finding)


def propose(scene: Scene, resources: Resources) -> Result:
    """Return a proposal that rewrites the finding's function, or only its lines, to remove the finding.

    `Nothing` if the finding is gone, the code is too long for the model, or no answer leaves fewer findings of its
    kind. A finding that the review does not report itself is not checked.

    Raises:
        Cancelled: the request was cancelled.
        models.chat.ChatError: the model did not answer.
    """
    present = resources.review(scene.document)
    known = [
        one
        for one in (*present, *scene.findings)
        if _overlaps(one.span, scene.span) and fix_by_completion.is_applicable(scene, one)
    ]
    if not known:
        return decline_place("The finding is not there any more")
    finding = known[0]
    task = f"Mend this, and nothing else: {finding.message} It is about: {_quote(scene, finding)}"  # words: measured
    checked = sum(one.code == finding.code for one in present)
    wish = RewriteRequest(
        _choose_span(scene, finding),
        task,
        f"Fix {finding.code}",
        accepts=lambda one: not checked or _count_alike(one, finding) < checked,
        missed=f"this is still there: {finding.message}",
        words=finding.message,
    )
    return rewrite(wish, scene, resources)


def _count_alike(one: RankedCandidate, finding: Finding) -> int:
    """Return the number of findings with the code of `finding` that the candidate has."""
    return sum(each.code == finding.code for each in one.findings)


def _choose_span(scene: Scene, finding: Finding) -> Span:
    """Return the span of the function around the finding if it has at most 120 lines, else the finding's own span."""
    function = find_function_at(scene.syntax, finding.span.start)
    if function is None or function.span.end < finding.span.end:
        return finding.span
    lines = scene.document.text.count("\n", function.span.start, function.span.end) + 1
    return function.span if lines <= _MOST_LINES else finding.span


def _quote(scene: Scene, finding: Finding) -> str:
    """Return the first line of the finding's code, at most 200 characters."""
    return scene.document.text[finding.span.start : finding.span.end].split("\n", 1)[0][:200]


def _overlaps(one: Span, other: Span) -> bool:
    """Return whether the two spans overlap or touch."""
    return one.start <= other.end and other.start <= one.end


TASK = Task("mend", Kind.QUICK_FIX, Needs.CHAT, offer, propose)  # words: a name that users know
