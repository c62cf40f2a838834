"""Questions of a worker that nobody sits in front of: they wait in the state database until any client answers.

Implements `server.gate.ports.Asker` and `agents.ports.person.Person`. Start at `WaitingAsker` and `WaitingPerson`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING

from server.state.given_answers import AgentQuestion
from server.state.lease_owners import name_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.ports.person import PlanAnswer, PlanQuestion
    from server.gate.ports import Answer, Question
    from server.state.given_answers import GivenAnswers

LOOK_S = 1.0
"""Seconds between two looks for an answer."""

ANSWER_S = 24 * 3600.0
"""Longest wait for an answer, in seconds; then the question expires, and can be asked again."""

MOST_SHOWN = 3
"""Earlier answers, which no worker took, that are shown with another question."""


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
        """Record the question, wait until a client has answered it, and return the answer.

        When cancelled, no client can answer any more.
        """
        await asyncio.to_thread(self._answers.record_wait, question.id)
        self._tell(f"{question.title}: waits for you; answer with `starling sessions answer {question.id[:8]}`.")
        try:
            while (answer := await asyncio.to_thread(self._answers.find, question.id)) is None:  # noqa: ASYNC110 (another process answers)
                await asyncio.sleep(LOOK_S)
            return answer
        finally:
            await asyncio.shield(asyncio.to_thread(self._answers.withdraw, question.id))


class WaitingPerson:
    """The person whom the agents of one session ask; any client passes the answer on.

    Args:
        answers: the table of the answers.
        session: id of the session.
        is_cancelled: returns whether nobody needs an answer any more; checked while a question waits.
        tell: is called with a sentence when a question begins to wait.
    """

    def __init__(
        self,
        answers: GivenAnswers,
        session: str,
        is_cancelled: Callable[[], bool] = lambda: False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._answers = answers
        self._session = session
        self._is_cancelled = is_cancelled
        self._tell = tell
        self._owner = name_owner("starling work")

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Record the question, wait until a client has answered it, and return the answer.

        None after `ANSWER_S`, or once nobody needs an answer. Afterwards no client can answer any more. Returns at once
        the answer to the same question that an earlier worker of the session did not take; other such answers are shown
        with the question.
        """
        left = await asyncio.to_thread(self._answers.list_left, self._session, self._owner)
        for one in left:
            if (one.question, one.choices) == (question, tuple(choices)):
                await asyncio.to_thread(self._answers.withdraw, one.id)
                return one.words
        text = "\n\n".join(
            (question, *(f"You have answered “{one.question}” so: {one.words}" for one in left[-MOST_SHOWN:]))
        )
        asked = AgentQuestion(uuid.uuid4().hex, self._session, text, tuple(choices), time.time())
        await asyncio.to_thread(self._answers.record_question, asked, self._owner)
        self._tell(f"An agent asks: {asked.title} Answer with `starling sessions answer {asked.id[:8]}`.")
        words = None
        try:
            async with asyncio.timeout(ANSWER_S):
                while (words := await asyncio.to_thread(self._answers.find_text_answer, asked.id)) is None:
                    if self._is_cancelled():
                        return None
                    await asyncio.sleep(LOOK_S)
                return words
        except TimeoutError:
            return None
        finally:
            if words is None:
                await asyncio.shield(asyncio.to_thread(self._answers.withdraw_open, asked.id))
            else:
                await asyncio.shield(asyncio.to_thread(self._answers.withdraw, asked.id, *(one.id for one in left)))

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:  # noqa: ARG002 (not asked here)
        """Return None: a plan is shown and edited only where a person sits."""
        return None
