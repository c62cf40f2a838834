"""The task "refactor": rewrites a function, or the selected lines, to do the same and read better."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.tasks.functions import find_function_at
from agents.tasks.refactoring.chat_extraction import extract_by_chat
from agents.tasks.rewriting.chat_rewrite import RewriteRequest, rewrite
from agents.tasks.task import Kind, Needs, Nothing, Offer, Task

if TYPE_CHECKING:
    from agents.tasks.task import Resources, Result, Scene

TASK_WORDS = (
    "Refactor the piece so that it does exactly the same and is easier to read and to change: simpler conditions, less "
    "nesting, nothing said twice, standard means of the language instead of own ones. Keep names that others use."
)


# These replace the general aims where a person says what to do.
KEPT = "It is a refactoring: what the code does stays exactly the same, and so do names that others use."
PARTS = "Write all functions or methods that the code has then, whole, each with its head, in the one block."
_DIVIDES = re.compile(r"\b(?:extract|split|divide|separate|factor|move|pull)\b", re.IGNORECASE)


def _build_task_text(words: str) -> str:
    """Return the task for the model: the person's `words`, and sentences on what must stay the same."""
    stated = words if words.endswith((".", "!", "?")) else f"{words}."
    return " ".join([stated, *([PARTS] if _DIVIDES.search(words) else []), KEPT])


def offer(scene: Scene) -> Offer | None:
    """Return the offer for several selected lines, else for the function at the cursor; None without one, or a stub."""
    text = scene.document.text[scene.span.start : scene.span.end]
    if text.strip() and "\n" in text.strip():
        return Offer("Refactor the selection", scene.span)
    function = find_function_at(scene.syntax, scene.span.start)
    if function is None or function.is_stub(scene.document.text):
        return None
    return Offer(f"Refactor `{function.name}`", function.span)


def propose(scene: Scene, resources: Resources) -> Result:
    """Return a proposal with the refactored code, or `Nothing`: extracts a function if that is asked, else rewrites.

    Raises:
        Cancelled: the request was cancelled.
        models.chat.ChatError: the model did not answer.
    """
    offered = offer(scene)
    if offered is None:
        return Nothing("There is no function here; select the lines to refactor.")
    words = scene.instruction.strip()
    scene = replace(scene, span=offered.span)
    if (made := extract_by_chat(scene, resources, offered.title)) is not None:
        return made
    wish = RewriteRequest(offered.span, _build_task_text(words) if words else TASK_WORDS, offered.title, words=words)
    return rewrite(wish, scene, resources)


TASK = Task("refactor", Kind.REWRITE, Needs.CHAT, offer, propose)
