"""A person who answers what was decided before: for demonstrations, tests, and trying a client without one.

Start at `ScriptedAsker`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from server.gate.ports import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.gate.ports import Question


class ScriptedAsker:
    """Answers in turn, and no to everything after that; EXPIRE is a person who does not answer at all.

    Attributes:
        questions: what was asked so far.
        taken_down: how many questions were withdrawn before they were answered.
    """

    def __init__(self, answers: Iterable[Answer] = (), *, obstacle: str = "", previews: bool = False) -> None:
        """`previews`: the way of applying asks, so that this one is never asked."""
        self.questions: list[Question] = []
        self.taken_down = 0
        self._answers = list(answers)
        self._obstacle = obstacle
        self._previews = previews

    async def ask(self, question: Question) -> Answer:
        """The next answer."""
        self.questions.append(question)
        answer = self._answers.pop(0) if self._answers else Answer.REJECT
        if answer is Answer.EXPIRE:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.taken_down += 1
        return answer

    def confirms_itself(self, question: Question) -> bool:
        """As it was made."""
        return self._previews and question.proposal is not None

    def obstacle(self, question: Question) -> str:  # noqa: ARG002 (every question meets it)
        """As it was made."""
        return self._obstacle
