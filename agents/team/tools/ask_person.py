"""The tool `ask_person`: a question to the person, where the request leaves something open that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.failure import ToolFailed
from agents.team.shown_text import escape_to_line, escape_to_markdown
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class AskPerson(Arguments):
    """Arguments of `ask_person`."""

    question: str = Field(min_length=1, max_length=2000, description="One question.")
    choices: tuple[str, ...] = Field(default=(), max_length=9, description="Answers to choose from; none for any text.")


async def run(given: AskPerson, bench: Workbench) -> ToolResult:
    """Ask the person, and return the answer.

    Raises:
        ToolFailed: nobody answers, or nobody can be asked.
    """
    question, choices = escape_to_markdown(given.question), tuple(map(escape_to_line, given.choices))
    answer = await bench.person.ask(question, choices) if bench.person is not None else None
    if answer is None:
        raise ToolFailed("Nobody answers questions here; decide yourself, and say in your answer what you assumed.")
    return ToolResult(f"The person says: {answer}")


TOOL = TeamTool(
    Tool("ask_person", Risk.LOW),
    "Ask the person a question, only if you cannot find the answer in the workspace and it decides what to do.",
    AskPerson,
    run,
    lambda given: f"Ask: {given.question}",
    asks=True,
)
