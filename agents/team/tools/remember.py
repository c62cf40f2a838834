"""The tools `remember` and `recall`: facts that are kept for the session, outside of the transcript."""

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


class Recall(Arguments):
    """Arguments of `recall`."""

    words: str = Field(default="", max_length=200, description="Words that the key or the fact has; empty for all.")


async def remember(given: Remember, bench: Workbench) -> ToolResult:
    """Store the fact in the session's notes."""
    bench.notes.remember(given.key, given.text)
    return ToolResult(f"Remembered as {given.key}.")


async def recall(given: Recall, bench: Workbench) -> ToolResult:
    """Return the facts that have all of the words, newest last."""
    words = given.words.lower().split()
    found = [f"{key}: {text}" for key, text in bench.notes.facts.items() if _has_words(f"{key} {text}", words)]
    return ToolResult("\n".join(found) or "[nothing is remembered about that]")


def _has_words(text: str, words: list[str]) -> bool:
    lower = text.lower()
    return all(word in lower for word in words)


REMEMBER = TeamTool(
    Tool("remember", Risk.LOW),
    "Keep a fact for the rest of the session: a decision, a name, a result.",
    Remember,
    remember,
    lambda given: f"Remember {given.key}",
)
RECALL = TeamTool(
    Tool("recall", Risk.LOW),
    "Look up facts that were remembered in this session.",
    Recall,
    recall,
    lambda given: f"Recall {given.words or 'everything'}",
)
