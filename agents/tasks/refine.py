"""The task "refine": fixes the findings in a span one by one, as long as each fix leaves fewer findings than before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.edits import ProposedEdit, TextChange
from agents.tasks import edit_ranking, fix_by_completion
from agents.tasks.proposals import build_change, build_edit, decline_place
from agents.tasks.task import Kind, Needs, Scene, Task
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from agents.findings import Finding
    from agents.tasks.task import Offer, Resources, Result
    from indexing.syntax.documents import Document

_MOST = 12  # findings that are tried


def offer(_: Scene) -> Offer | None:
    """Return None: the task is run by command only, since each finding has its own quick fix."""
    return None


def propose(scene: Scene, resources: Resources) -> Result:
    """Return one proposal that fixes all findings in the span that can be fixed; at most 12 are tried.

    `Nothing` if none can be fixed. Tests may run as in `fix_by_completion`, after a person has been asked.

    Raises:
        Cancelled: the request was cancelled.
    """
    original = scene.document
    document, span = original, scene.span
    tried: list[str] = []
    for _ in range(_MOST):
        left = [one for one in resources.review(document) if _begins_in(one, span) and one.message not in tried]
        if not left:
            break
        resources.report(f"fixing {left[0].code}")
        better = fix_finding(document, left[0], resources)
        tried.append(left[0].message)
        if better is not None and _is_better(document, better, scene, resources):
            span = Span(span.start, span.end + len(better.text) - len(document.text))
            document = better
    if document.text == original.text:
        return decline_place("No finding here could be fixed" if tried else "There are no findings here")
    return ProposedEdit(
        title="Fix the findings here",
        why=" ".join(dict.fromkeys(tried))[:600],
        by="generator",
        changes=(build_change(original, (build_edit(original.text, document.text),)),),
        model=resources.model.entry.name if resources.model is not None else "",
    )


def fix_finding(document: Document, finding: Finding, resources: Resources) -> Document | None:
    """Return `document` with `finding` fixed, by its known fix or by the completion model; None if neither can.

    For the model's fix, tests may run, after a person has been asked for permission.

    Raises:
        Cancelled: the request was cancelled.
    """
    if finding.fix is not None and finding.fix.edits:
        known = TextChange(document.uri, document.path, document.text, finding.fix.edits)
        return replace(document, text=known.after)
    if resources.model is None:
        return None
    scene = Scene(document, Syntax.of(document), finding.span, (finding,))
    result = fix_by_completion.propose(scene, resources)
    changed = result.changes[0] if isinstance(result, ProposedEdit) else None
    return replace(document, text=changed.after) if isinstance(changed, TextChange) else None


def _is_better(document: Document, better: Document, scene: Scene, resources: Resources) -> bool:
    """Return whether `better` parses, brings no error, and has fewer findings than `document`."""
    before = replace(scene, document=document, syntax=Syntax.of(document))
    edit = build_edit(document.text, better.text)
    return bool(edit_ranking.rank([edit_ranking.Candidate((edit,))], before, resources)) and len(
        resources.review(better)
    ) < len(resources.review(document))


def _begins_in(finding: Finding, span: Span) -> bool:
    """Return whether the finding begins in the span or at its end."""
    return span.start <= finding.span.start <= span.end


TASK = Task("refine", Kind.REWRITE, Needs.NOTHING, offer, propose, listed=False)
