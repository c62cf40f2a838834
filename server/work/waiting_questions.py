"""Questions of headless workers that wait for a person, who may answer from any client. Start at `WaitingQuestions`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from agents.tools import DELETE_FILE, EXECUTE_COMMAND, GIT_COMMIT, WRITE_FILE, Risk, Tool
from server.gate.ports import Answer, Question
from server.gate.records import Request, Status
from server.state.given_answers import AgentQuestion, GivenAnswers
from server.state.session_store import SessionStore
from server.work.waiting_asker import ANSWER_S

if TYPE_CHECKING:
    from collections.abc import Collection

    from agents.edits import ProposedEdit
    from server.gate.journal import Journal
    from server.state.database import State

_TOOLS = {one.name: one for one in (WRITE_FILE, DELETE_FILE, EXECUTE_COMMAND, GIT_COMMIT)}
LONGEST_ANSWER = 4000
"""Longest answer to an agent's question, in characters."""


class QuestionRefused(Exception):  # noqa: N818 (an answer, not an error of the program)
    """A question cannot be answered; the message is a sentence for a person."""


class WaitingQuestions:
    """The questions of workers about one or more workspace folders. Blocking.

    Args:
        journal: the record of requests.
        state: the state database.
        roots: the workspace folders.
    """

    def __init__(self, journal: Journal, state: State, roots: Collection[Path]) -> None:
        self._journal = journal
        self._answers = GivenAnswers(state)
        self._sessions = SessionStore(state)
        self._roots = roots

    def list_waiting(self) -> tuple[Request | AgentQuestion, ...]:
        """Return the requests and agents' questions of these folders for which workers wait, newest first.

        First closes those of processes that no longer run. Raises StateError.
        """
        self._journal.recover()
        found = (self._journal.records.find_request(one) for one in self._answers.list_awaited())
        pending = [
            one for one in found if one is not None and one.status == Status.PENDING and self.concerns_folders(one)
        ]
        waiting: list[Request | AgentQuestion] = [*pending, *self.list_agent_questions()]
        return tuple(sorted(waiting, key=lambda one: (-one.created, one.id)))

    def list_agent_questions(self) -> tuple[AgentQuestion, ...]:
        """Return the agents' questions of these folders for which workers wait, newest first. Raises StateError.

        First deletes those of workers that no longer run.
        """
        begun = time.time() - ANSWER_S
        return tuple(
            one
            for one in self._answers.list_questions()
            if one.created > begun and self._is_session_of_folders(one.session)
        )

    def list_unanswered(self) -> tuple[Request, ...]:
        """Return the newest requests about the folders, of any client, that are pending or can be asked again.

        Raises StateError.
        """
        return tuple(filter(self.concerns_folders, self._journal.list_unanswered()))

    def concerns_folders(self, request: Request) -> bool:
        """Return whether a request is of a session of the folders, or about a file in them. Raises StateError."""
        return self._is_session_of_folders(request.session) or any(
            Path(one).is_relative_to(root) for one in request.subjects for root in self._roots
        )

    def _is_session_of_folders(self, name: str) -> bool:
        """Return whether the session with the id `name` exists and is of one of the folders. Raises StateError."""
        session = self._sessions.get(name) if name else None
        return session is not None and session.workspace in {root.as_uri() for root in self._roots}

    def name_agent(self, question: AgentQuestion) -> str:
        """Return the role of the session in which a question is asked, "agent" if it has none. Raises StateError."""
        session = self._sessions.get(question.session)
        return (session.role if session is not None else "") or "agent"

    def find(self, name: str) -> Request | AgentQuestion:
        """Return the only question for which a worker waits and whose id begins with `name`.

        First closes the questions of processes that no longer run, as `list_waiting` does.

        Raises:
            QuestionRefused: there is none, or there are several.
            StateError: the state database cannot be read or written.
        """
        found = [one for one in self.list_waiting() if one.id.startswith(name)]
        if len(found) != 1:
            what = "several questions wait" if found else "no question waits"
            raise QuestionRefused(f"In this workspace {what} as {name}; `starling sessions questions` lists them.")
        return found[0]

    def is_waiting(self, request: str) -> bool:
        """Return whether a worker waits for the answer to the request or question with this id. Raises StateError."""
        if any(one.id == request for one in self._answers.list_questions()):
            return True
        found = self._journal.records.find_request(request) if request in self._answers.list_awaited() else None
        return found is not None and found.status == Status.PENDING

    def give(self, question: Request | AgentQuestion, answer: str, client: str) -> None:
        """Answer a question in the name of the program `client`: a request with "yes" or "no", an agent's in words.

        Raises:
            QuestionRefused: this is no answer to the question, it was answered meanwhile, or no worker waits for the
                answer any more.
            StateError: the answer cannot be stored.
        """
        if isinstance(question, AgentQuestion):
            given = self._answers.give_text_answer(question.id, _check_words(question, answer), client)
        elif answer in {"yes", "no"}:
            given = self._answers.give(question.id, Answer.APPROVE if answer == "yes" else Answer.REJECT, client)
        else:
            raise QuestionRefused(f"{answer} is no answer; give yes or no.")
        if not given:
            raise QuestionRefused(f"{question.title!r} was answered meanwhile, or nobody waits for it any more.")

    def restore(self, request: Request) -> Question:
        """Return the question of `request`, with its edit if that is stored. Raises StateError."""
        proposal = self._journal.records.find_stored_edit(request.id)
        return restore_question(request, proposal)


def _check_words(question: AgentQuestion, answer: str) -> str:
    """Return the answer: one of the choices as it is, any other text without the spaces around it.

    Raises:
        QuestionRefused: the answer is empty or too long, or it is none of the choices.
    """
    words = answer.strip()
    if not words or len(words) > LONGEST_ANSWER:
        raise QuestionRefused(f"An answer has 1 to {LONGEST_ANSWER} characters.")
    if question.choices and answer not in question.choices:
        raise QuestionRefused(f"{answer} is no answer; give one of: {', '.join(question.choices)}.")
    return answer if question.choices else words


def restore_question(request: Request, proposal: ProposedEdit | None) -> Question:
    """Return the question of `request` with the edit `proposal`; an unknown tool gets the risk CRITICAL."""
    return Question(
        id=request.id,
        tool=_TOOLS.get(request.tool, Tool(request.tool, Risk.CRITICAL)),
        title=request.title,
        why=request.why,
        by=request.by,
        diff=request.diff,
        warnings=request.warnings,
        proposal=proposal,
    )
