"""Questions of a worker that nobody sits in front of: they wait in the state database until any client answers.

Implements `server.gate.ports.Asker`. Start at `WaitingAsker`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.gate.ports import Answer, Question
    from server.state.given_answers import GivenAnswers

LOOK_S = 1.0
"""Seconds between two looks for an answer."""

ANSWER_S = 24 * 3600.0
"""Longest wait for an answer, in seconds; then the question expires, and can be asked again."""


class WaitingAsker:
    """Waits for answers that other clients give.

    Args:
        answers: the table of the answers.
        tell: is called with a sentence when a question begins to wait.
    """

    def __init__(self, answers: GivenAnswers, tell: Callable[[str], None] = lambda _: None) -> None:
        self._answers = answers
        self._tell = tell

    def asks_while_applying(self, question: Question) -> bool:  # noqa: ARG002 (nothing is shown here)
        """Return False: the question is always answered before the change is applied."""
        return False

    def find_obstacle(self, question: Question) -> str:  # noqa: ARG002 (any client can answer)
        """Return "": every question can wait."""
        return ""

    async def ask(self, question: Question) -> Answer:
        """Wait until a client has answered, and return the answer; when cancelled, no client can answer any more."""
        await asyncio.to_thread(self._answers.await_answer, question.id)
        self._tell(f"{question.title}: waits for you; answer with `starling sessions answer {question.id[:8]}`.")
        try:
            while (answer := await asyncio.to_thread(self._answers.find, question.id)) is None:  # noqa: ASYNC110 (another process answers)
                await asyncio.sleep(LOOK_S)
            return answer
        finally:
            await asyncio.shield(asyncio.to_thread(self._answers.withdraw, question.id))
