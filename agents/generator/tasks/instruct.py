"""Writes what a person asks for in words: lines, or the function around the cursor, as they have to be afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.generator.tasks.functions import function_at
from agents.generator.tasks.records import Kind, Needs, Nothing, Offer, Task
from agents.generator.tasks.rewriting import Wish, rewritten, whole_lines

if TYPE_CHECKING:
    from agents.generator.tasks.records import Means, Result, Scene
    from indexing.records import Span

_LONGEST_TITLE = 60  # characters


def offer(scene: Scene) -> Offer | None:
    """Wherever something is wanted."""
    return Offer(title_of(scene.instruction), scene.span) if scene.instruction.strip() else None


def propose(scene: Scene, means: Means) -> Result:
    """What the chat model makes of the lines."""
    if not scene.instruction.strip():
        return Nothing("Say in `instruction` what is wanted.")
    return rewritten(Wish(_meant(scene), scene.instruction.strip(), title_of(scene.instruction)), scene, means)


def _meant(scene: Scene) -> Span:
    """What is selected; at a mere cursor the function around it, but an empty line is a place of its own."""
    lines = whole_lines(scene.document.text, scene.span)
    if scene.span.start < scene.span.end or not scene.document.text[lines.start : lines.end].strip():
        return scene.span
    function = function_at(scene.syntax, scene.span.start)
    return function.span if function is not None else scene.span


def title_of(instruction: str) -> str:
    """The instruction as a title."""
    line = " ".join(instruction.split())
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"


TASK = Task("generate", Kind.REWRITE, Needs.CHAT, offer, propose, listed=False)
