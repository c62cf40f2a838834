"""`starling.questions`: questions of headless workers that wait for a person, and the person's answers."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import Field

from server.gate.ports import Answer
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.workspace_state import list_folders, use_state
from server.state.given_answers import AgentQuestion
from server.work.waiting_questions import LONGEST_ANSWER, WaitingQuestions

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path

    from server.gate.journal import Journal
    from server.gate.ports import Question
    from server.gate.records import Request
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot
    from server.state.database import State

R = TypeVar("R")

_NEXT = 'Give an `answer`: "yes" or "no", or words for an agent\'s question.'
LOOK_S = 1.0
"""Seconds between two looks whether a worker still waits for the answer, while a person is asked."""


class Arguments(CommandRecord):
    """An action on one question or all of them."""

    action: Literal["list", "ask", "answer"] = Field(
        default="list",
        description='"list" only lists; "ask" asks the person about `request` in this client, as about any other '
        'change or command, and passes the answer on; "answer" passes on `answer`.',
    )
    request: str = Field(
        default="", max_length=100, description='For "ask" and "answer": id of a question, or its first characters.'
    )
    answer: str = Field(
        default="",
        max_length=LONGEST_ANSWER,
        description='For "answer": the person\'s answer, "yes" or "no"; to an agent\'s question one of its `choices`, '
        "or any words.",
    )


class WaitingQuestion(CommandRecord):
    """A question for which a worker waits."""

    request: str = Field(description="Its id.")
    task: str = Field(description='Id of the queued task, which is also its session\'s, "" for none.')
    title: str = Field(description="The change or command in a few words, or an agent's question.")
    why: str = Field(description="The agent's reason, \"\" for an agent's question.")
    by: str = Field(description="The agent.")
    tool: str = Field(
        description='The tool: "execute_command", "write_file" and so on; "ask_person" for an agent\'s question.'
    )
    subjects: tuple[str, ...] = Field(description="Files, or the command.")
    choices: tuple[str, ...] = Field(description="The answers to an agent's question, none for any words.")
    diff: str = Field(description="The diff of the change, the command, or an agent's whole question.")
    warnings: tuple[str, ...] = Field(description="What to know before answering.")
    created: float = Field(description="Since when it waits, seconds since the epoch.")


class Result(CommandRecord):
    """The questions that wait afterwards, and the answer that was given."""

    questions: tuple[WaitingQuestion, ...] = Field(description="Newest first.")
    answer: str = Field(default="", description='The answer that was passed on, "" for none.')


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """List the questions, ask the person about one of them, or answer it; return those that wait afterwards.

    An agent's question that the person closes still waits.

    Raises:
        CommandFailed: there is no such question or it waits no longer, there is no answer to pass on or it is none to
            this question, the client cannot ask, or the state cannot be read or written.
    """
    roots, journal = snapshot.roots, services.gate.journal
    given = ""
    if arguments.action != "list":
        if not arguments.request:
            raise CommandFailed("A question is named by its id.", code="invalid", what_next="Give a `request`.")
        found, question = await use_state(partial(_find, journal, roots, arguments.request))
        given = arguments.answer if arguments.action == "answer" else await _ask(services, roots, found, question)
        if arguments.action == "answer" and not given:
            raise CommandFailed("There is no answer.", code="invalid", what_next=_NEXT)
        if given:
            await use_state(partial(_give, journal, roots, found, given, snapshot.client.name or "an editor"))
    return Result(questions=await use_state(partial(_list_waiting, journal, roots)), answer=given)


async def _ask(
    services: Services, roots: Sequence[Path], found: Request | AgentQuestion, question: Question | None
) -> str:
    """Ask the person in this client and return the answer, "yes" or "no" about a request.

    Returns "" if an agent's question is closed.

    Raises:
        CommandFailed: the client cannot ask, the session ends, or the question waits no longer.
    """
    if isinstance(found, AgentQuestion):
        team = services.get_team()
        if not team.can_ask(found.choices):
            raise _make_refusal(found)
        return await _wait(services, roots, found, team.ask_person(found.question, found.choices)) or ""
    if question is None:
        raise _make_refusal(found)
    answer = await _wait(services, roots, found, services.gate.ask_here(question))
    if answer is Answer.UNABLE:
        raise _make_refusal(found)
    return "yes" if answer is Answer.APPROVE else "no"


async def _wait(
    services: Services, roots: Sequence[Path], found: Request | AgentQuestion, asked: Coroutine[Any, Any, R]
) -> R:
    """Return the result of `asked`, which asks the person; withdraw the question once no worker waits for it.

    Raises:
        CommandFailed: the session ends, or the question waits no longer.
    """
    asking = asyncio.ensure_future(asked)
    try:
        while not (await asyncio.wait((asking,), timeout=LOOK_S))[0]:
            if services.jobs.closed:
                raise CommandFailed("The session has ended; the question still waits.", code="refused")
            if not await use_state(partial(_is_waiting, services.gate.journal, roots, found.id)):
                raise CommandFailed(
                    f"{found.title!r} was answered elsewhere, or nobody waits for it any more.", code="refused"
                )
        return asking.result()
    finally:
        asking.cancel()


def _make_refusal(found: Request | AgentQuestion) -> CommandFailed:
    """Return the failure of a client that cannot ask this question."""
    return CommandFailed(
        "This editor cannot ask.", code="refused", what_next=f"Use `starling sessions answer {found.id[:8]}`."
    )


def _make_questions(journal: Journal, roots: Sequence[Path], state: State) -> WaitingQuestions:
    """Return a reader of the questions about the workspace folders, which are also named by their real paths."""
    return WaitingQuestions(journal, state, frozenset({*list_folders(roots), *roots}))


def _list_waiting(journal: Journal, roots: Sequence[Path], state: State) -> tuple[WaitingQuestion, ...]:
    """Return the waiting questions about the folders for the client, newest first. Raises StateError."""
    questions = _make_questions(journal, roots, state)
    return tuple(
        _describe_agent_question(one, questions.name_agent(one)) if isinstance(one, AgentQuestion) else _describe(one)
        for one in questions.list_waiting()
    )


def _find(
    journal: Journal, roots: Sequence[Path], name: str, state: State
) -> tuple[Request | AgentQuestion, Question | None]:
    """Return the waiting question whose id begins with `name`; for a request also the gate's question, else None.

    Raises:
        QuestionRefused: there is none, or there are several.
        StateError: the questions cannot be read.
    """
    questions = _make_questions(journal, roots, state)
    found = questions.find(name)
    return found, None if isinstance(found, AgentQuestion) else questions.restore(found)


def _is_waiting(journal: Journal, roots: Sequence[Path], request: str, state: State) -> bool:
    """Return whether a worker still waits for the answer to `request`. Raises StateError."""
    return _make_questions(journal, roots, state).is_waiting(request)


def _give(  # noqa: PLR0913, PLR0917 (bound by `partial`)
    journal: Journal, roots: Sequence[Path], found: Request | AgentQuestion, answer: str, client: str, state: State
) -> None:
    """Store an answer for the worker that waits for it. Raises QuestionRefused and StateError."""
    _make_questions(journal, roots, state).give(found, answer, client)


def _describe(request: Request) -> WaitingQuestion:
    """Return a request for the client."""
    return WaitingQuestion(
        request=request.id,
        task=request.session,
        title=request.title,
        why=request.why,
        by=request.by,
        tool=request.tool,
        subjects=request.subjects,
        choices=(),
        diff=request.diff,
        warnings=request.warnings,
        created=request.created,
    )


def _describe_agent_question(question: AgentQuestion, by: str) -> WaitingQuestion:
    """Return a question of the agent `by` for the client."""
    return WaitingQuestion(
        request=question.id,
        task=question.session,
        title=question.title,
        why="",
        by=by,
        tool="ask_person",
        subjects=(),
        choices=question.choices,
        diff=question.question,
        warnings=(),
        created=question.created,
    )
