"""The task "implement": writes the body of a function that is still a stub, from its signature and documentation.

A chat model is asked for the whole function. Without one, or where it writes nothing usable, a completion model fills
in the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor, measure_indentation
from agents.edits import ProposedEdit
from agents.tasks import edit_ranking, filling
from agents.tasks.filling import Hole
from agents.tasks.functions import Function, find_function_at, list_functions
from agents.tasks.proposals import build_change, decline_answer, decline_place, list_notes
from agents.tasks.rewriting.chat_rewrite import RewriteRequest, rewrite
from agents.tasks.task import Kind, Needs, Nothing, Offer, Task
from models.chat import ChatError

if TYPE_CHECKING:
    from agents.tasks.task import Resources, Result, Scene
    from indexing.syntax.documents import Document

LINES = 60
WHY = "Its body was empty; the model wrote this one from the name, the parameters and the code around it."


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
    """Return a proposal that gives the stub at the cursor a body that parses and does something.

    `Nothing` if there is no stub, or no model writes such a body.

    Raises:
        Cancelled: the request was cancelled.
        models.chat.ChatError: the chat model did not answer, and there is no other model.
    """
    function = find_function_at(scene.syntax, scene.span.start)
    if function is None or not function.is_stub(scene.document.text):
        return decline_place("There is no function without a body here")
    if resources.chat is None:
        return _fill_body(function, scene, resources)
    if resources.model is None:
        return _ask_for_function(function, scene, resources)
    try:
        asked = _ask_for_function(function, scene, resources)
    except ChatError as error:
        asked = Nothing(str(error))
    return asked if isinstance(asked, ProposedEdit) else _fill_body(function, scene, resources)


def _ask_for_function(function: Function, scene: Scene, resources: Resources) -> Result:
    """Return a proposal with the chat model's whole function in place of the stub; `Nothing` without a usable one.

    Raises:
        Cancelled: the request was cancelled.
        models.chat.ChatError: the model did not answer.
    """
    wish = RewriteRequest(
        function.span,
        f"Complete the function `{function.name}`.",
        f"Implement `{function.name}`",
        accepts=lambda one: _implements_function(one, function, scene),
        missed=f"`{function.name}` has no body yet; write it.",
        prompt="implement",
        why=WHY,
    )
    return rewrite(wish, scene, resources)


def _fill_body(function: Function, scene: Scene, resources: Resources) -> Result:
    """Return a proposal with the completion model's best body for the stub; `Nothing` without a usable one.

    Raises:
        Cancelled: the request was cancelled.
    """
    body = locate_body(scene.document, function)
    resources.report(f"writing {function.name}")
    plan = filling.plan_block(body.indentation, lines=LINES)
    candidates = [
        edit_ranking.Candidate((body.hole.make_edit(one.text),), one.likelihood)
        for one in filling.fill_block(body.hole, resources, plan, scene=scene, whole=True)
    ]
    best = [
        one for one in edit_ranking.rank(candidates, scene, resources) if _implements_function(one, function, scene)
    ]
    if not best:
        return decline_answer(f"The model found no body for `{function.name}` that parses")
    return ProposedEdit(
        title=f"Implement `{function.name}`",
        why=WHY,
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


def _implements_function(one: edit_ranking.RankedCandidate, function: Function, scene: Scene) -> bool:
    """Return whether the candidate's edits give `function` a body that does something, and keep the function."""
    from indexing.syntax.syntax import Syntax  # noqa: PLC0415 - loaded by now: the candidate was parsed

    before, after = (
        [each.is_stub(syntax.text) for each in list_functions(syntax) if each.qualified == function.qualified]
        for syntax in (scene.syntax, Syntax.of(one.after))
    )
    return len(after) >= len(before) and sum(after) < sum(before)


def _is_stub_file(document: Document) -> bool:
    """Return whether `document` is a `.pyi` file."""
    return document.path is not None and document.path.suffix == ".pyi"


TASK = Task("implement", Kind.REWRITE, Needs.EITHER, offer, propose)
