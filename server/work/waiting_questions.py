"""Questions of headless workers that wait for a person, who may answer from any client. Start at `WaitingQuestions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.tools import DELETE_FILE, EXECUTE_COMMAND, GIT_COMMIT, WRITE_FILE, Risk, Tool
from server.gate.ports import Question
from server.gate.records import Status
from server.state.given_answers import GivenAnswers
from server.state.session_store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Collection

    from agents.edits import ProposedEdit
    from server.gate.journal import Journal
    from server.gate.ports import Answer
    from server.gate.records import Request
    from server.state.database import State

_TOOLS = {one.name: one for one in (WRITE_FILE, DELETE_FILE, EXECUTE_COMMAND, GIT_COMMIT)}


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

    def list_waiting(self) -> tuple[Request, ...]:
        """Return the questions that a worker waits with, newest first. Raises StateError.

        First closes the open requests of workers that no longer run.
        """
        self._journal.recover()
        found = (self._journal.records.find_request(one) for one in self._answers.list_awaited())
        waiting = [one for one in found if one is not None and one.status == Status.PENDING and self.is_here(one)]
        return tuple(sorted(waiting, key=lambda one: (-one.created, one.id)))

    def list_unanswered(self) -> tuple[Request, ...]:
        """Return the newest questions that are open or can be asked again, of any client. Raises StateError."""
        return tuple(filter(self.is_here, self._journal.list_unanswered()))

    def is_here(self, request: Request) -> bool:
        """Return whether a request belongs to a session of one of the folders, or is about a file in one of these."""
        session = self._sessions.get(request.session) if request.session else None
        if session is not None and session.workspace in {root.as_uri() for root in self._roots}:
            return True
        return any(Path(one).is_relative_to(root) for one in request.subjects for root in self._roots)

    def find(self, name: str) -> Request:
        """Return the question that a worker waits with and whose id begins with `name`.

        Raises:
            QuestionRefused: there is none, or there are several.
            StateError: the questions cannot be read.
        """
        found = [one for one in self.list_waiting() if one.id.startswith(name)]
        if len(found) != 1:
            what = "several questions wait" if found else "no question waits"
            raise QuestionRefused(f"In this workspace {what} as {name}; `starling sessions questions` lists them.")
        return found[0]

    def is_waiting(self, request: str) -> bool:
        """Return whether a worker waits for the answer to the request with the id `request`. Raises StateError."""
        found = self._journal.records.find_request(request) if request in self._answers.list_awaited() else None
        return found is not None and found.status == Status.PENDING

    def give(self, request: Request, answer: Answer, client: str) -> None:
        """Answer a question in the name of the program `client`.

        Raises:
            QuestionRefused: it was answered meanwhile, or no worker waits for the answer any more.
            ValueError: the answer is neither a yes nor a no.
            StateError: the answer cannot be stored.
        """
        if not self._answers.give(request.id, answer, client):
            raise QuestionRefused(f"{request.title!r} was answered meanwhile, or nobody waits for it any more.")

    def restore(self, request: Request) -> Question:
        """Return the question as the worker asked it, with its edit if that is kept. Raises StateError."""
        proposal = self._journal.records.find_kept(request.id)
        return restore_question(request, proposal)


def restore_question(request: Request, proposal: ProposedEdit | None) -> Question:
    """Return the question of a request; it is asked as a whole and with the strictest risk if its tool is unknown."""
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
