"""Writes the body of a function that has none yet, from its signature and what documents it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor, width
from agents.edits import ProposedEdit
from agents.tasks import edit_ranking, filling
from agents.tasks.filling import Hole
from agents.tasks.functions import Function, function_at
from agents.tasks.proposals import change, not_here, not_written, notes_of
from agents.tasks.task import Kind, Needs, Offer, Task

if TYPE_CHECKING:
    from agents.tasks.task import Means, Result, Scene
    from indexing.syntax.documents import Document

LINES = 24


@dataclass(frozen=True, slots=True)
class Body:
    """Where a body goes: the hole, and its columns."""

    hole: Hole
    indentation: int


def offer(scene: Scene) -> Offer | None:
    """Where a function ought to do something and does nothing."""
    function = function_at(scene.syntax, scene.span.start)
    if function is None or not function.is_stub(scene.document.text) or _is_interface(scene.document):
        return None
    return Offer(f"Implement `{function.name}`", function.span, preferred=True)


def propose(scene: Scene, means: Means) -> Result:
    """The likeliest body that parses."""
    function = function_at(scene.syntax, scene.span.start)
    if function is None or not function.is_stub(scene.document.text):
        return not_here("There is no function without a body here")
    body = body_of(scene.document, function)
    means.report(f"writing {function.name}")
    plan = filling.planned(body.indentation, lines=LINES)
    candidates = [
        edit_ranking.Candidate((body.hole.edit(one.text),), one.likelihood)
        for one in filling.block(body.hole, means, plan, scene=scene)
    ]
    best = [one for one in edit_ranking.ranked(candidates, scene, means) if _does_something(one, function)]
    if not best:
        return not_written(f"The model found no body for `{function.name}` that parses")
    return ProposedEdit(
        title=f"Implement `{function.name}`",
        why="Its body was empty; this one follows from its name, its parameters and what stands around it.",
        by="generator",
        changes=(change(scene.document, best[0].candidate.edits),),
        model=means.model.entry.name if means.model is not None else "",
        notes=notes_of(best[0]),
    )


def body_of(document: Document, function: Function) -> Body:
    """The hole that the body of `function` goes into, statements that only hold its place included."""
    text, start = document.text, function.span.start
    around = Cursor.at(document, start)
    newline, unit = around.newline, around.unit
    head = text[text.rfind("\n", 0, start) + 1 : start]
    outer = head[: len(head) - len(head.lstrip())]
    inner = outer + unit
    if function.statements:
        first, last = function.statements[0].start, function.statements[-1].end
        line = text[text.rfind("\n", 0, first) + 1 : first]
        if not line.strip():  # on lines of their own
            return Body(Hole(document, first, last), width(line))
        if not function.braced:  # `def f(x): ...`
            return Body(Hole(document, _rstripped(text, first), last, before=newline + inner), width(inner))
    if function.braced:
        opened, closed = function.body.start + 1, function.body.end - 1
        return Body(Hole(document, opened, closed, newline + inner, newline + outer), width(inner))
    end = function.docstring.end if function.docstring is not None else _rstripped(text, function.body.start)
    if function.docstring is not None:
        line = text[text.rfind("\n", 0, function.docstring.start) + 1 : function.docstring.start]
        inner = inner if line.strip() else line
    return Body(Hole(document, end, _blank_end(text, end), before=newline + inner), width(inner))


def _rstripped(text: str, end: int) -> int:
    return len(text[:end].rstrip())


def _blank_end(text: str, end: int) -> int:
    """The end of the blank line right below `end` that a cursor was waiting on, else `end`."""
    line_end = text.find("\n", end)
    if line_end < 0 or text[end:line_end].strip():
        return end
    below = text.find("\n", line_end + 1)
    below = len(text) if below < 0 else below
    blank = text[line_end + 1 : below]
    return below - blank.endswith("\r") if blank.strip("\r") and not blank.strip() else end


def _does_something(one: edit_ranking.Ranked, function: Function) -> bool:
    from indexing.syntax.syntax import Syntax  # noqa: PLC0415 - loaded by now: the candidate was parsed

    now = function_at(Syntax.of(one.after), function.start)
    return now is not None and bool(now.statements) and not now.is_stub(one.after.text)


def _is_interface(document: Document) -> bool:
    return document.path is not None and document.path.suffix == ".pyi"


TASK = Task("implement", Kind.REWRITE, Needs.COMPLETION, offer, propose)
