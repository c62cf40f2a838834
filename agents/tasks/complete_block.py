"""The task "complete": writes the rest of the block at the cursor, longer than inline completion, as a proposal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.cursor import Cursor
from agents.completion.plan import Extent, Plan, plan
from agents.edits import ProposedEdit
from agents.suggestions import Trigger
from agents.tasks import edit_ranking, filling
from agents.tasks.filling import Hole
from agents.tasks.functions import find_function_at
from agents.tasks.proposals import build_change, decline_answer, decline_place, list_notes
from agents.tasks.task import Kind, Needs, Offer, Task

if TYPE_CHECKING:
    from agents.tasks.task import Resources, Result, Scene

LINES = 16
_POLICY = CompletionPolicy(block_lines=LINES, block_tokens=256)


def offer(scene: Scene) -> Offer | None:
    """Return the offer at the end of a line of code.

    None with a selection, where no block fits, and in a function that is still a stub.
    """
    span = scene.span
    if span.start != span.end or _plan_block(scene) is None:
        return None
    function = find_function_at(scene.syntax, span.start)
    if function is not None and function.is_stub(scene.document.text):
        return None
    return Offer("Complete the block here", span)


def propose(scene: Scene, resources: Resources) -> Result:
    """Return a proposal that inserts the model's best block that parses; `Nothing` where there is none.

    Raises:
        Cancelled: the request was cancelled.
    """
    wanted = _plan_block(scene)
    if wanted is None:
        return decline_place("A block can be completed at the end of a line of code only")
    offset = scene.span.start
    hole = Hole(scene.document, offset, offset)
    resources.report("writing the block")
    candidates = [
        edit_ranking.Candidate((hole.make_edit(one.text),), one.likelihood)
        for one in filling.fill_block(hole, resources, wanted, scene=scene)
    ]
    best = edit_ranking.rank(candidates, scene, resources)
    if not best:
        return decline_answer("The model found nothing that parses here")
    return ProposedEdit(
        title="Complete the block",
        why="The model continues the code at the cursor with these lines.",
        by="generator",
        changes=(build_change(scene.document, best[0].candidate.edits),),
        model=resources.model.entry.name if resources.model is not None else "",
        notes=list_notes(best[0]),
    )


def _plan_block(scene: Scene) -> Plan | None:
    """Return the plan for a block at the cursor; None where text follows on the line or no block fits there."""
    cursor = Cursor.at(scene.document, scene.span.start)
    if cursor.splits_line_ending or cursor.after.strip():
        return None
    place = scene.syntax.find_surroundings(cursor.offset, names=False) if scene.syntax.available else None
    wanted = plan(cursor, place, trigger=Trigger.INVOKED, policy=_POLICY)
    return wanted if wanted.extent is Extent.BLOCK else None


TASK = Task("complete", Kind.REWRITE, Needs.COMPLETION, offer, propose)
