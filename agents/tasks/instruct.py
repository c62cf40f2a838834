"""The task "generate": rewrites lines, or the function at the cursor, as a person asks for in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.tasks.functions import find_function_at
from agents.tasks.refactoring.chat_extraction import extract_by_chat
from agents.tasks.rewriting.chat_rewrite import RewriteRequest, rewrite
from agents.tasks.rewriting.definitions import list_definitions
from agents.tasks.rewriting.line_edits import expand_to_lines
from agents.tasks.task import Kind, Needs, Nothing, Offer, Task

if TYPE_CHECKING:
    from agents.tasks.task import Resources, Result, Scene
    from indexing.syntax.documents import Span

_LONGEST_TITLE = 60  # characters
_LONGEST_CLASS = 120  # lines of a class that is rewritten whole where the cursor is in none of its methods


def offer(scene: Scene) -> Offer | None:
    """Return an offer for the selection if the scene has an instruction, else None."""
    return Offer(make_title(scene.instruction), scene.span) if scene.instruction.strip() else None


def propose(scene: Scene, resources: Resources) -> Result:
    """Return a proposal in which the chat model follows the instruction: an extracted function or rewritten lines.

    `Nothing` without an instruction or a usable answer.

    Raises:
        Cancelled: the request was cancelled.
        models.chat.ChatError: the model did not answer.
    """
    if not scene.instruction.strip():
        return Nothing("Say in `instruction` what is wanted.")
    words = scene.instruction.strip()
    meant = _choose_span(scene)
    if (made := extract_by_chat(replace(scene, span=meant), resources, make_title(words))) is not None:
        return made
    return rewrite(RewriteRequest(meant, words, make_title(words), words=words), scene, resources)


def _choose_span(scene: Scene) -> Span:
    """Return the span to rewrite: the selection, else the function or short class at the cursor, else the cursor.

    On a blank line, that is always the cursor.
    """
    lines = expand_to_lines(scene.document.text, scene.span)
    if scene.span.start < scene.span.end or not scene.document.text[lines.start : lines.end].strip():
        return scene.span
    function = find_function_at(scene.syntax, scene.span.start)
    if function is not None:
        return function.span
    around = [one for one in list_definitions(scene.syntax) if one.sort == "type" and _contains(one.span, lines)]
    innermost = max(around, key=lambda one: one.span.start, default=None)
    short = innermost is not None and len(innermost.read_lines(scene.document.text)) <= _LONGEST_CLASS
    return innermost.span if innermost is not None and short else scene.span


def _contains(outer: Span, inner: Span) -> bool:
    """Return whether `inner` lies in `outer`, or equals it."""
    return outer.start <= inner.start and inner.end <= outer.end


def make_title(instruction: str) -> str:
    """Return the instruction as a title of at most 60 characters."""
    line = " ".join(instruction.split())
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"


TASK = Task("generate", Kind.REWRITE, Needs.CHAT, offer, propose, listed=False)
