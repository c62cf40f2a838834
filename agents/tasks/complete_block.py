"""Writes the rest of a block where the cursor stands: what inline completion would offer, larger, and as a proposal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.cursor import Cursor
from agents.completion.plan import Extent, Plan, plan
from agents.edits import ProposedEdit
from agents.suggestions import Trigger
from agents.tasks import edit_ranking, filling
from agents.tasks.filling import Hole
from agents.tasks.functions import function_at
from agents.tasks.proposals import change, not_here, not_written, notes_of
from agents.tasks.task import Kind, Needs, Offer, Task

if TYPE_CHECKING:
    from agents.tasks.task import Means, Result, Scene

LINES = 16
_POLICY = CompletionPolicy(block_lines=LINES, block_tokens=256)


def offer(scene: Scene) -> Offer | None:
    """At the end of a line of code, with nothing selected, where a function is not wholly empty."""
    span = scene.span
    if span.start != span.end or _plan(scene) is None:
        return None
    function = function_at(scene.syntax, span.start)
    if function is not None and function.is_stub(scene.document.text):
        return None
    return Offer("Complete the block here", span)


def propose(scene: Scene, means: Means) -> Result:
    """The likeliest block that parses."""
    wanted = _plan(scene)
    if wanted is None:
        return not_here("A block can be completed at the end of a line of code only")
    offset = scene.span.start
    hole = Hole(scene.document, offset, offset)
    means.report("writing the block")
    candidates = [
        edit_ranking.Candidate((hole.edit(one.text),), one.likelihood)
        for one in filling.block(hole, means, wanted, scene=scene)
    ]
    best = edit_ranking.ranked(candidates, scene, means)
    if not best:
        return not_written("The model found nothing that parses here")
    return ProposedEdit(
        title="Complete the block",
        why="This is how the model would go on at the cursor.",
        by="generator",
        changes=(change(scene.document, best[0].candidate.edits),),
        model=means.model.entry.name if means.model is not None else "",
        notes=notes_of(best[0]),
    )


def _plan(scene: Scene) -> Plan | None:
    cursor = Cursor.at(scene.document, scene.span.start)
    if cursor.splits_line_ending or cursor.after.strip():
        return None
    place = scene.syntax.place(cursor.offset, names=False) if scene.syntax.available else None
    wanted = plan(cursor, place, trigger=Trigger.INVOKED, policy=_POLICY)
    return wanted if wanted.extent is Extent.BLOCK else None


TASK = Task("complete", Kind.REWRITE, Needs.COMPLETION, offer, propose)
