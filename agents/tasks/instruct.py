"""Writes what a person asks for in words: lines, or the function around the cursor, as they have to be afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.tasks.functions import function_at
from agents.tasks.refactoring.chat_extraction import divided
from agents.tasks.rewriting.chat_rewrite import Wish, rewritten, whole_lines
from agents.tasks.rewriting.definitions import definitions_of
from agents.tasks.task import Kind, Needs, Nothing, Offer, Task

if TYPE_CHECKING:
    from agents.tasks.task import Means, Result, Scene
    from indexing.syntax.documents import Span

_LONGEST_TITLE = 60  # characters
_LONGEST_CLASS = 120  # lines of one that is written anew where the cursor stands in none of its methods


def offer(scene: Scene) -> Offer | None:
    """Wherever something is wanted."""
    return Offer(title_of(scene.instruction), scene.span) if scene.instruction.strip() else None


def propose(scene: Scene, means: Means) -> Result:
    """What the chat model makes of the lines."""
    if not scene.instruction.strip():
        return Nothing("Say in `instruction` what is wanted.")
    words = scene.instruction.strip()
    meant = _meant(scene)
    if (made := divided(replace(scene, span=meant), means, title_of(words))) is not None:
        return made
    return rewritten(Wish(meant, words, title_of(words), words=words), scene, means)


def _meant(scene: Scene) -> Span:
    """Return what is selected; at a mere cursor the function or short class around it, on an empty line that line."""
    lines = whole_lines(scene.document.text, scene.span)
    if scene.span.start < scene.span.end or not scene.document.text[lines.start : lines.end].strip():
        return scene.span
    function = function_at(scene.syntax, scene.span.start)
    if function is not None:
        return function.span
    around = [one for one in definitions_of(scene.syntax) if one.sort == "type" and _holds(one.span, lines)]
    innermost = max(around, key=lambda one: one.span.start, default=None)
    short = innermost is not None and len(innermost.lines(scene.document.text)) <= _LONGEST_CLASS
    return innermost.span if innermost is not None and short else scene.span


def _holds(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def title_of(instruction: str) -> str:
    """The instruction as a title."""
    line = " ".join(instruction.split())
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"


TASK = Task("generate", Kind.REWRITE, Needs.CHAT, offer, propose, listed=False)
