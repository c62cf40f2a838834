"""Writes what a person asks for in words: the selected lines as they have to be afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.generator.tasks.records import Kind, Needs, Nothing, Offer, Task
from agents.generator.tasks.rewriting import Wish, rewritten

if TYPE_CHECKING:
    from agents.generator.tasks.records import Means, Result, Scene

_LONGEST_TITLE = 60  # characters


def offer(scene: Scene) -> Offer | None:
    """Wherever something is wanted."""
    return Offer(title_of(scene.instruction), scene.span) if scene.instruction.strip() else None


def propose(scene: Scene, means: Means) -> Result:
    """What the chat model makes of the lines."""
    if not scene.instruction.strip():
        return Nothing("Say in `instruction` what is wanted.")
    return rewritten(Wish(scene.span, scene.instruction.strip(), title_of(scene.instruction)), scene, means)


def title_of(instruction: str) -> str:
    """The instruction as a title."""
    line = " ".join(instruction.split())
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"


TASK = Task("generate", Kind.REWRITE, Needs.CHAT, offer, propose, listed=False)
