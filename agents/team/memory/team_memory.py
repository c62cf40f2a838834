"""The team's memory as agents use it in one workspace: what they keep for later sessions, and what fits a request.

Calls run in threads. A memory that cannot be read or written ends no turn. Start at `TeamMemory`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from agents.ports.memory import Activity, Decision, Remembered, Source
from agents.team.memory import ranking

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.ports.memory import Memory

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TeamMemory:
    """The memory of one workspace.

    Attributes:
        memory: the store.
        workspace: the workspace folder, as a URI.
    """

    memory: Memory
    workspace: str

    async def remember(self, agent: str, key: str, text: str, session: str) -> str:
        """Store a text of an agent for later sessions; return why that failed, a sentence, "" if it did not."""
        kept = Remembered(self.workspace, agent, key, text, Source.AGENT, f"session {session[:8]}" if session else "")
        try:
            await asyncio.to_thread(self.memory.remember, kept)
        except (StateError, ValueError) as error:
            return f"It could not be kept for later sessions: {error}"
        return ""

    async def find_memories(self, agent: str, request: str, count_tokens: Callable[[str], int]) -> tuple[str, ...]:
        """Return the memories for an agent that fit a request, a line each with its origin, the best first.

        () where the memory cannot be read.
        """
        try:
            found = await asyncio.to_thread(self.memory.recall, self.workspace, agent, ranking.MOST_CONSIDERED)
            fitting = await asyncio.to_thread(ranking.rank_memories, found, request, count_tokens)
        except StateError as error:
            logger.warning("the team's memory cannot be read: %s", error)
            return ()
        return tuple(map(ranking.describe_memory, fitting))

    async def record_activity(self, agent: str, activity: str, details: str = "") -> None:
        """Record an activity of an agent; a failure is only logged."""
        try:
            await asyncio.to_thread(self.memory.record_activity, Activity(self.workspace, agent, activity, details))
        except (StateError, ValueError) as error:
            logger.warning("an activity could not be recorded: %s", error)

    async def record_decision(  # noqa: PLR0913, PLR0917 (the parts of a decision)
        self, identity: str, agent: str, kind: str, question: str, verdict: str, details: str
    ) -> str:
        """Store a decision, in place of one with the same id; return why that failed, a sentence, "" if it did not."""
        kept = Decision(self.workspace, agent, kind, question, verdict, details, id=identity)
        try:
            await asyncio.to_thread(self.memory.record_decision, kept)
        except (StateError, ValueError) as error:
            return f"It could not be kept in the history of decisions: {error}"
        return ""
