"""A scripted person who gives prepared answers, for demonstrations and tests. Start at `ScriptedAsker`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from server.gate.ports import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.gate.ports import Question, TakenParts


class ScriptedAsker:
    """An asker that gives prepared answers in turn, then REJECT; for EXPIRE it never answers.

    Attributes:
        questions: the questions so far.
        taken_down: the number of questions that were cancelled before an answer.
    """

    def __init__(
        self, answers: Iterable[Answer | TakenParts] = (), *, obstacle: str = "", previews: bool = False
    ) -> None:
        """Store the answers.

        Args:
            answers: the answers, in order.
            obstacle: why the client cannot ask, "" if it can.
            previews: whether the client asks while it applies an edit, so that `ask` is called for commands only.
        """
        self.questions: list[Question] = []
        self.taken_down = 0
        self._answers = list(answers)
        self._obstacle = obstacle
        self._previews = previews

    async def ask(self, question: Question) -> Answer | TakenParts:
        """Record the question and return the next answer; for EXPIRE, wait until this call is cancelled."""
        self.questions.append(question)
        answer = self._answers.pop(0) if self._answers else Answer.REJECT
        if answer is Answer.EXPIRE:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.taken_down += 1
        return answer

    def asks_while_applying(self, question: Question) -> bool:
        """Return whether the client has previews and the question is about an edit."""
        return self._previews and question.proposal is not None

    def find_obstacle(self, question: Question) -> str:  # noqa: ARG002 (every question has the same)
        """Return the obstacle given at construction, "" for none."""
        return self._obstacle
