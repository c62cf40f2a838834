"""The tools `remember` and `recall`: facts that are kept outside of the transcript, for this session or for later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.session_notes import LONGEST_TEXT
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class Remember(Arguments):
    """Arguments of `remember`."""

    key: str = Field(min_length=1, max_length=100, description="A short name.")
    text: str = Field(min_length=1, max_length=LONGEST_TEXT, description="The fact.")
    later: bool = Field(default=False, description="Whether it is useful in later sessions, too, not only in this one.")


class Recall(Arguments):
    """Arguments of `recall`."""

    words: str = Field(default="", max_length=200, description="Words that the key or the fact has; empty for all.")


async def remember(given: Remember, bench: Workbench) -> ToolResult:
    """Store the fact in the session's notes, and if it is for later, in the team's memory; return a sentence about it.

    The result is a failed one if the team's memory cannot store it.
    """
    bench.notes.remember(given.key, given.text)
    if not given.later:
        return ToolResult(f"Remembered as {given.key}.")
    if bench.memory is None:
        return ToolResult(f"Remembered as {given.key}, for this session alone: there is no memory for later ones here.")
    problem = await bench.memory.remember(bench.agent, given.key, given.text, bench.session)
    return ToolResult(problem or f"Remembered as {given.key}, for later sessions, too.", failed=bool(problem))


async def recall(given: Recall, bench: Workbench) -> ToolResult:
    """Return the session's facts that have all of the words, newest last, then the fitting memories of earlier ones."""
    words = given.words.lower().split()
    found = [f"{key}: {text}" for key, text in bench.notes.facts.items() if _has_words(f"{key} {text}", words)]
    earlier: tuple[str, ...] = ()
    if bench.memory is not None:
        earlier = await bench.memory.find_memories(bench.agent, given.words, lambda text: len(text) // 4 + 1)
    if earlier:
        found += ["From earlier sessions; it may be out of date:", *earlier]
    return ToolResult("\n".join(found) or "[nothing is remembered about that]")


def _has_words(text: str, words: list[str]) -> bool:
    """Return whether the text contains all of the lower-case `words`, in any case and also inside longer words."""
    lower = text.lower()
    return all(word in lower for word in words)


REMEMBER = TeamTool(
    Tool("remember", Risk.LOW),
    "Keep a fact: a decision, a name, a result. Set `later` if it helps in later sessions; never for secrets.",
    Remember,
    remember,
    lambda given: f"Remember {given.key}",
)
RECALL = TeamTool(
    Tool("recall", Risk.LOW),
    "Look up facts that were remembered in this session and in earlier ones.",
    Recall,
    recall,
    lambda given: f"Recall {given.words or 'everything'}",
)
