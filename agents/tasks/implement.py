"""The task "implement": writes the body of a function that is still a stub, from its signature and documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor, measure_indentation
from agents.edits import ProposedEdit
from agents.tasks import edit_ranking, filling
from agents.tasks.filling import Hole
from agents.tasks.functions import Function, find_function_at
from agents.tasks.proposals import build_change, decline_answer, decline_place, list_notes
from agents.tasks.task import Kind, Needs, Offer, Task

if TYPE_CHECKING:
    from agents.tasks.task import Resources, Result, Scene
    from indexing.syntax.documents import Document

LINES = 24


@dataclass(frozen=True, slots=True)
class BodyHole:
    """The hole for a function's body, and its indentation in columns."""

    hole: Hole
    indentation: int


def offer(scene: Scene) -> Offer | None:
    """Return the offer for the function at the cursor if it is a stub, else None; always None in `.pyi` files."""
    function = find_function_at(scene.syntax, scene.span.start)
    if function is None or not function.is_stub(scene.document.text) or _is_stub_file(scene.document):
        return None
    return Offer(f"Implement `{function.name}`", function.span, preferred=True)


def propose(scene: Scene, resources: Resources) -> Result:
    """Return a proposal that fills the stub at the cursor with the model's best body that parses and does something.

    `Nothing` if there is no stub, or the model writes no such body.

    Raises:
        Cancelled: the request was cancelled.
    """
    function = find_function_at(scene.syntax, scene.span.start)
    if function is None or not function.is_stub(scene.document.text):
        return decline_place("There is no function without a body here")
    body = locate_body(scene.document, function)
    resources.report(f"writing {function.name}")
    plan = filling.plan_block(body.indentation, lines=LINES)
    candidates = [
        edit_ranking.Candidate((body.hole.make_edit(one.text),), one.likelihood)
        for one in filling.fill_block(body.hole, resources, plan, scene=scene)
    ]
    best = [one for one in edit_ranking.rank(candidates, scene, resources) if _implements_function(one, function)]
    if not best:
        return decline_answer(f"The model found no body for `{function.name}` that parses")
    return ProposedEdit(
        title=f"Implement `{function.name}`",
        why="Its body was empty; the model wrote this one from the name, the parameters and the code around it.",
        by="generator",
        changes=(build_change(scene.document, best[0].candidate.edits),),
        model=resources.model.entry.name if resources.model is not None else "",
        notes=list_notes(best[0]),
    )


def locate_body(document: Document, function: Function) -> BodyHole:
    """Return the hole for the body of `function`; it covers statements that are mere placeholders, such as `pass`."""
    text, start = document.text, function.span.start
    around = Cursor.at(document, start)
    newline, unit = around.newline, around.unit
    head = text[text.rfind("\n", 0, start) + 1 : start]
    outer = head[: len(head) - len(head.lstrip())]
    inner = outer + unit
    if function.statements:
        first, last = function.statements[0].start, function.statements[-1].end
        line = text[text.rfind("\n", 0, first) + 1 : first]
        if not line.strip():  # the statements are on lines below the head
            return BodyHole(Hole(document, first, last), measure_indentation(line))
        if not function.braced:  # `def f(x): ...`
            return BodyHole(
                Hole(document, _find_text_end(text, first), last, before=newline + inner), measure_indentation(inner)
            )
    if function.braced:
        opened, closed = function.body.start + 1, function.body.end - 1
        return BodyHole(Hole(document, opened, closed, newline + inner, newline + outer), measure_indentation(inner))
    end = function.docstring.end if function.docstring is not None else _find_text_end(text, function.body.start)
    if function.docstring is not None:
        line = text[text.rfind("\n", 0, function.docstring.start) + 1 : function.docstring.start]
        inner = inner if line.strip() else line
    return BodyHole(
        Hole(document, end, _find_blank_line_end(text, end), before=newline + inner), measure_indentation(inner)
    )


def _find_text_end(text: str, end: int) -> int:
    """Return the offset where the text before `end` stops, without trailing white space."""
    return len(text[:end].rstrip())


def _find_blank_line_end(text: str, end: int) -> int:
    """Return the end of the line below `end` if it has white space and nothing else, else `end`.

    Such a line is where an editor puts the cursor for the body.
    """
    line_end = text.find("\n", end)
    if line_end < 0 or text[end:line_end].strip():
        return end
    below = text.find("\n", line_end + 1)
    below = len(text) if below < 0 else below
    blank = text[line_end + 1 : below]
    return below - blank.endswith("\r") if blank.strip("\r") and not blank.strip() else end


def _implements_function(one: edit_ranking.RankedCandidate, function: Function) -> bool:
    """Return whether the candidate's edits give `function` a body that does something."""
    from indexing.syntax.syntax import Syntax  # noqa: PLC0415 - loaded by now: the candidate was parsed

    now = find_function_at(Syntax.of(one.after), function.start)
    return now is not None and bool(now.statements) and not now.is_stub(one.after.text)


def _is_stub_file(document: Document) -> bool:
    """Return whether `document` is a `.pyi` file."""
    return document.path is not None and document.path.suffix == ".pyi"


TASK = Task("implement", Kind.REWRITE, Needs.COMPLETION, offer, propose)
