"""A question that waits for an answer from any client."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from typing import TYPE_CHECKING

import pytest

from agents.tools import EXECUTE_COMMAND
from server.gate.ports import Answer, Question
from server.state.given_answers import AgentQuestion, GivenAnswers
from server.state.requests import Requests
from server.work import waiting_asker
from server.work.waiting_asker import WaitingAsker, WaitingPerson
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from server.state.database import State

QUESTION = Question("0123", EXECUTE_COMMAND, "Run the tests", "To see.", "tester", "pytest")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """Yield a database with the question as a pending request."""
    monkeypatch.setattr(waiting_asker, "LOOK_S", 0.01)
    opened = make_state(tmp_path / "state.sqlite3")
    with opened.transaction() as connection:
        Requests(opened).begin(connection, QUESTION, client="a test", task="", model="", subjects=("pytest",))
    yield opened
    opened.close()


async def wait_until_awaited(answers: GivenAnswers) -> None:
    """Wait until a worker waits for an answer."""
    while not await asyncio.to_thread(answers.list_awaited):  # noqa: ASYNC110 (the asker tells nobody)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("given", [Answer.APPROVE, Answer.REJECT])
async def test_the_answer_of_another_client_is_taken_once(state: State, given: Answer) -> None:
    elsewhere = GivenAnswers(make_state(state.path))
    told: list[str] = []
    asking = asyncio.create_task(WaitingAsker(GivenAnswers(state), told.append).ask(QUESTION))
    await wait_until_awaited(elsewhere)
    assert elsewhere.list_awaited() == {"0123"}
    assert elsewhere.give("0123", given, "an editor")
    assert not elsewhere.give("0123", Answer.APPROVE, "another one")
    assert await asking is given
    assert elsewhere.list_awaited() == frozenset()
    assert not elsewhere.give("0123", Answer.APPROVE, "too late")
    assert "starling sessions answer 0123" in told[0]


async def test_a_question_that_was_withdrawn_cannot_be_answered(state: State) -> None:
    answers = GivenAnswers(state)
    asking = asyncio.create_task(WaitingAsker(answers).ask(QUESTION))
    await wait_until_awaited(answers)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not answers.give("0123", Answer.APPROVE, "an editor")


async def test_nobody_answers_what_nobody_waits_for_or_more_than_yes_and_no(state: State) -> None:
    answers = GivenAnswers(state)
    assert not answers.give("0123", Answer.APPROVE, "an editor")
    with pytest.raises(ValueError, match="approve-task"):
        answers.give("0123", Answer.APPROVE_TASK, "an editor")
    answers.record_wait("4567")  # has no request
    assert not answers.give("4567", Answer.APPROVE, "an editor")


async def test_an_agents_question_gets_the_words_of_another_client_once(state: State) -> None:
    elsewhere = GivenAnswers(make_state(state.path))
    told: list[str] = []
    person = WaitingPerson(GivenAnswers(state), "a session", tell=told.append)
    asking = asyncio.create_task(person.ask("Which\ncolour?", ("red", "blue")))
    await wait_until_awaited(elsewhere)
    (asked,) = elsewhere.list_questions()
    assert (asked.session, asked.title, asked.choices) == ("a session", "Which colour?", ("red", "blue"))
    assert not elsewhere.give(asked.id, Answer.APPROVE, "an editor"), "it is answered in words only"
    with pytest.raises(ValueError, match="at least one character"):
        elsewhere.give_text_answer(asked.id, "", "an editor")
    assert elsewhere.give_text_answer(asked.id, "blue", "an editor")
    assert elsewhere.list_questions() == ()
    assert not elsewhere.give_text_answer(asked.id, "red", "another one")
    assert await asking == "blue"
    assert not elsewhere.give_text_answer(asked.id, "blue", "too late")
    assert f"starling sessions answer {asked.id[:8]}" in told[0]


async def test_an_agents_question_is_withdrawn_when_its_task_is_cancelled(state: State) -> None:
    answers, cancelled = GivenAnswers(state), asyncio.Event()
    asking = asyncio.create_task(WaitingPerson(answers, "a session", cancelled.is_set).ask("Which?"))
    await wait_until_awaited(answers)
    (asked,) = answers.list_questions()
    cancelled.set()
    assert await asking is None
    assert not answers.give_text_answer(asked.id, "blue", "an editor")


async def test_an_agents_question_is_withdrawn_when_its_worker_ends(state: State) -> None:
    answers = GivenAnswers(state)
    asking = asyncio.create_task(WaitingPerson(answers, "a session").ask("Which?"))
    await wait_until_awaited(answers)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert answers.list_awaited() == frozenset()


async def test_an_agents_question_expires(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_asker, "ANSWER_S", 0.0)
    assert await WaitingPerson(GivenAnswers(state), "a session").ask("Which?") is None
    assert GivenAnswers(state).list_awaited() == frozenset()


def test_the_question_of_a_killed_worker_is_removed(state: State) -> None:
    answers = GivenAnswers(state)
    asked = AgentQuestion("4567", "a session", "Which?", (), time.time())
    answers.record_question(asked, f"starling work {platform.node()}:{os.getpid()} 1-0123abcd")  # began in 1970
    assert answers.list_questions() == ()
    assert not answers.give_text_answer("4567", "blue", "an editor")


def test_a_request_of_the_gate_is_not_answered_in_words(state: State) -> None:
    answers = GivenAnswers(state)
    answers.record_wait("0123")
    assert answers.list_questions() == ()
    assert not answers.give_text_answer("0123", "approve", "an editor")
    assert answers.find("0123") is None


async def answer_and_end(state: State, question: str, words: str, choices: tuple[str, ...] = ()) -> None:
    """Have a worker ask, answer it, and end the worker before it takes the answer."""
    answers = GivenAnswers(state)
    asked = AgentQuestion(f"id of {question}", "a session", question, choices, time.time())
    await asyncio.to_thread(answers.record_question, asked, f"starling work {platform.node()}:{os.getpid()} 1-0123abcd")
    assert answers.give_text_answer(asked.id, words, "an editor")


async def test_an_answer_that_no_worker_took_goes_to_the_next_attempt_that_asks_the_same(state: State) -> None:
    await answer_and_end(state, "Which?", "blue", ("red", "blue"))
    answers = GivenAnswers(state)
    assert answers.list_questions() == ()
    (left,) = answers.list_left("a session")
    assert (left.question, left.words, answers.list_left("another session")) == ("Which?", "blue", ())
    assert await WaitingPerson(answers, "a session").ask("Which?", ("red", "blue")) == "blue"
    assert answers.list_left("a session") == ()


async def test_an_answer_that_no_worker_took_is_shown_with_another_question(state: State) -> None:
    await answer_and_end(state, "Which?", "blue")
    answers = GivenAnswers(state)
    asking = asyncio.create_task(WaitingPerson(answers, "a session").ask("Which colour?"))
    await wait_until_awaited(answers)
    (asked,) = answers.list_questions()
    assert asked.question == "Which colour?\n\nYou have answered “Which?” so: blue"
    assert answers.give_text_answer(asked.id, "dark blue", "an editor")
    assert await asking == "dark blue"
    assert answers.list_left("a session") == ()


class Unseen(GivenAnswers):
    """The table for a worker that ends before it sees an answer."""

    def find_text_answer(self, question: str) -> None:  # type: ignore[override]
        """Return None."""


async def test_an_answer_given_while_a_worker_ends_in_an_orderly_way_is_left_to_the_next_one(state: State) -> None:
    answers = GivenAnswers(state)
    asking = asyncio.create_task(WaitingPerson(Unseen(state), "a session").ask("Which?"))
    await wait_until_awaited(answers)
    assert answers.give_text_answer(answers.list_questions()[0].id, "blue", "an editor")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await WaitingPerson(answers, "a session").ask("Which?") == "blue"
