"""Betters code by mending what the reviewer finds in it, as long as there are fewer findings after than before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.edits import ProposedEdit, TextChange
from agents.tasks import edit_ranking, fix_by_completion
from agents.tasks.proposals import between, change, not_here
from agents.tasks.task import Kind, Needs, Scene, Task
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from agents.findings import Finding
    from agents.tasks.task import Means, Offer, Result
    from indexing.syntax.documents import Document

_MOST = 12  # findings that are looked at


def offer(_: Scene) -> Offer | None:
    """By command only: each of its findings has a quick fix of its own."""
    return None


def propose(scene: Scene, means: Means) -> Result:
    """All findings of the span mended that can be."""
    original = scene.document
    document, span = original, scene.span
    tried: list[str] = []
    for _ in range(_MOST):
        left = [one for one in means.review(document) if _is_in(one, span) and one.message not in tried]
        if not left:
            break
        means.report(f"mending {left[0].code}")
        better = mended(document, left[0], means)
        tried.append(left[0].message)
        if better is not None and _is_better(document, better, scene, means):
            span = Span(span.start, span.end + len(better.text) - len(document.text))
            document = better
    if document.text == original.text:
        return not_here("Nothing was found here that could be mended" if tried else "Nothing is found here")
    return ProposedEdit(
        title="Mend what is found here",
        why=" ".join(dict.fromkeys(tried))[:600],
        by="generator",
        changes=(change(original, (between(original.text, document.text),)),),
        model=means.model.entry.name if means.model is not None else "",
    )


def mended(document: Document, finding: Finding, means: Means) -> Document | None:
    """The document with a finding of it mended, by its known fix, else by the model; None where neither can."""
    if finding.fix is not None and finding.fix.edits:
        known = TextChange(document.uri, document.path, document.text, finding.fix.edits)
        return replace(document, text=known.after)
    if means.model is None:
        return None
    scene = Scene(document, Syntax.of(document), finding.span, (finding,))
    result = fix_by_completion.propose(scene, means)
    changed = result.changes[0] if isinstance(result, ProposedEdit) else None
    return replace(document, text=changed.after) if isinstance(changed, TextChange) else None


def _is_better(document: Document, better: Document, scene: Scene, means: Means) -> bool:
    before = replace(scene, document=document, syntax=Syntax.of(document))
    edit = between(document.text, better.text)
    return bool(edit_ranking.ranked([edit_ranking.Candidate((edit,))], before, means)) and len(
        means.review(better)
    ) < len(means.review(document))


def _is_in(finding: Finding, span: Span) -> bool:
    return span.start <= finding.span.start <= span.end


TASK = Task("refine", Kind.REWRITE, Needs.NOTHING, offer, propose, listed=False)
