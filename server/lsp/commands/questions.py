"""`starling.questions`: questions of headless workers that wait for a person, and the person's answers."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from server.gate.ports import Answer
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.workspace_state import list_folders, use_state
from server.work.waiting_questions import WaitingQuestions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from server.gate.journal import Journal
    from server.gate.ports import Question
    from server.gate.records import Request
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot
    from server.state.database import State

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
    answer: Literal["", "yes", "no"] = Field(default="", description='For "answer": the person\'s answer.')


class WaitingQuestion(CommandRecord):
    """A question that a worker waits with."""

    request: str = Field(description="Its id.")
    task: str = Field(description='Id of the queued task, which is also its session\'s, "" for none.')
    title: str = Field(description="The change or command in a few words.")
    why: str = Field(description="The agent's reason.")
    by: str = Field(description="The agent.")
    tool: str = Field(description='The tool: "execute_command", "write_file" and so on.')
    subjects: tuple[str, ...] = Field(description="Files, or the command.")
    diff: str = Field(description="The diff of the change, or the command.")
    warnings: tuple[str, ...] = Field(description="What to know before answering.")
    created: float = Field(description="Since when it waits, seconds since the epoch.")


class Result(CommandRecord):
    """The questions that wait afterwards, and the answer that was given."""

    questions: tuple[WaitingQuestion, ...] = Field(description="Newest first.")
    answer: Literal["", "yes", "no"] = Field(default="", description='The answer that was passed on, "" for none.')


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """List the questions, ask the person about one of them, or answer it; return those that wait afterwards.

    Raises:
        CommandFailed: there is no such question or it waits no longer, there is no answer to pass on, the client
            cannot ask, or the state cannot be read or written.
    """
    roots, journal = snapshot.roots, services.gate.journal
    given: Literal["", "yes", "no"] = ""
    if arguments.action != "list":
        if not arguments.request:
            raise CommandFailed("A question is named by its id.", code="invalid", what_next="Give a `request`.")
        request, question = await use_state(partial(_find, journal, roots, arguments.request))
        given = arguments.answer if arguments.action == "answer" else await _ask(services, roots, question)
        if not given:
            raise CommandFailed("There is no answer.", code="invalid", what_next='Give an `answer`: "yes" or "no".')
        answer = Answer.APPROVE if given == "yes" else Answer.REJECT
        await use_state(partial(_give, journal, roots, request, answer, snapshot.client.name or "an editor"))
    waiting = await use_state(partial(_list_waiting, journal, roots))
    return Result(questions=tuple(map(_describe, waiting)), answer=given)


async def _ask(services: Services, roots: Sequence[Path], question: Question) -> Literal["yes", "no"]:
    """Ask the person in this client and return the answer; withdraw the question once no worker waits for it.

    Raises:
        CommandFailed: the client cannot ask, the session ends, or the question waits no longer.
    """
    asking = asyncio.ensure_future(services.gate.ask_here(question))
    try:
        while not (await asyncio.wait((asking,), timeout=LOOK_S))[0]:
            if services.jobs.closed:
                raise CommandFailed("The session has ended; the question still waits.", code="refused")
            if not await use_state(partial(_is_waiting, services.gate.journal, roots, question.id)):
                raise CommandFailed(
                    f"{question.title!r} was answered elsewhere, or nobody waits for it any more.", code="refused"
                )
        answer = asking.result()
    finally:
        asking.cancel()
    if answer is Answer.UNABLE:
        raise CommandFailed(
            "This editor cannot ask.", code="refused", what_next=f"Use `starling sessions answer {question.id[:8]}`."
        )
    return "yes" if answer is Answer.APPROVE else "no"


def _open(journal: Journal, roots: Sequence[Path], state: State) -> WaitingQuestions:
    """Return the questions about the workspace folders, by their real paths and as the client names them."""
    return WaitingQuestions(journal, state, frozenset({*list_folders(roots), *roots}))


def _list_waiting(journal: Journal, roots: Sequence[Path], state: State) -> tuple[Request, ...]:
    """Return the questions that wait. Raises StateError."""
    return _open(journal, roots, state).list_waiting()


def _find(journal: Journal, roots: Sequence[Path], name: str, state: State) -> tuple[Request, Question]:
    """Return the request whose id begins with `name`, and its question. Raises QuestionRefused and StateError."""
    questions = _open(journal, roots, state)
    found = questions.find(name)
    return found, questions.restore(found)


def _is_waiting(journal: Journal, roots: Sequence[Path], request: str, state: State) -> bool:
    """Return whether a worker still waits for the answer to `request`. Raises StateError."""
    return _open(journal, roots, state).is_waiting(request)


def _give(  # noqa: PLR0913, PLR0917 (bound by `partial`)
    journal: Journal, roots: Sequence[Path], request: Request, answer: Answer, client: str, state: State
) -> None:
    """Pass an answer on. Raises QuestionRefused and StateError."""
    _open(journal, roots, state).give(request, answer, client)


def _describe(request: Request) -> WaitingQuestion:
    """Return a question for the client."""
    return WaitingQuestion(
        request=request.id,
        task=request.session,
        title=request.title,
        why=request.why,
        by=request.by,
        tool=request.tool,
        subjects=request.subjects,
        diff=request.diff,
        warnings=request.warnings,
        created=request.created,
    )
