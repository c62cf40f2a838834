"""`starling.ask`: have the team of agents answer a request, in a new session or one to be continued."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from agents.ports.failures import StateError
from agents.ports.sessions import EntryKind, SessionUnavailable
from agents.team.permissions.modes import Mode
from indexing.workspace.origins import parse_file_uri
from server.assembly.team import load_all_roles
from server.lsp.commands.answering import sessions, targets
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.turn_stream import TurnStream
from server.lsp.editor.editor_team import TurnRequest

if TYPE_CHECKING:
    from agents.ports.sessions import Session
    from server.assembly.core import Core
    from server.lsp.editor.editor_team import EditorTeam
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

NEWEST = 100
"""Entries of a session among which the last answer is found."""

JOB = "Starling: the team"
"""Title of the progress bar of a request; the VS Code extension, whose chat view shows the progress, leaves it out."""


class Arguments(CommandRecord):
    """A request to the team."""

    request: str = Field(
        min_length=1,
        max_length=200_000,
        description="What the person wants, in words; `@role` at its start decides who.",
    )
    session: str = Field(default="", max_length=100, description=f'{sessions.SESSION_ID} "" for a new session.')
    mode: Literal["plan", "act"] = Field(
        default="plan",
        description='"plan": agents only read; "act": they change files and run commands, each after a question.',
    )
    role: str = Field(
        default="",
        max_length=40,
        description='The role that answers, as `starling.roles` lists them; "" to choose one.',
    )
    document: str = Field(
        default="",
        max_length=4000,
        description="URI of the document that the editor shows: agents are told, and given what it imports.",
    )
    partial_token: int | str | None = Field(
        default=None,
        description="A progress token: the events of the turn are sent as `$/progress` with it, each an object whose "
        "`kind` is `session`, `agent`, `text`, `call`, `result`, `plan` or `note`.",
    )


class Result(CommandRecord):
    """The end of the turn."""

    session: str = Field(description="Id of the session, by which it can be continued.")
    status: Literal["done", "limit", "repeated", "cancelled", "failed"] = Field(description="Why the turn ended.")
    text: str = Field(description="The answer in Markdown, or why there is none and what was achieved.")
    entries: int = Field(description="Number of the entry with the last answer, for `starling.feedback`; 0 for none.")
    steps: int = Field(description="Answers of models.")
    tokens: int = Field(description="Tokens read and written.")
    cost: float = Field(description="Cost, in the currency of the configured prices; 0 without prices.")
    seconds: float = Field(description="Duration without waits for a person.")


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Have the team answer, stream the events if the client sent a token, and return how the turn ended.

    Raises:
        CommandFailed: there is no such session or role, the session is busy, or it cannot be stored.
    """
    core = await targets.wait_for_core(services)
    team = services.get_team()
    if arguments.role:
        await _check_role(snapshot, core, arguments.role)
    session, request = await sessions.call_store(partial(_open_session, team, arguments))
    async with services.jobs.run(JOB, snapshot.token) as job:

        def send(part: dict[str, Any]) -> None:
            """Send a part of the stream, if the client sent a token for it."""
            if arguments.partial_token is not None:
                services.jobs.send_part(arguments.partial_token, part)

        stream = TurnStream(job, send)
        stream.begin(session.id, session.title)
        turn = TurnRequest(
            core, session, Mode(arguments.mode), request, stream.emit, parse_file_uri(arguments.document), job
        )
        try:
            ended = await team.run_turn(turn)
        except (SessionUnavailable, StateError) as error:
            raise sessions.make_failure(error) from error
        except asyncio.CancelledError:
            job.stopped.set()
            raise
    entry = await sessions.call_store(partial(_find_last_answer_number, team, session.id))
    return Result(
        session=session.id,
        status=ended.status.value,
        text=ended.text,
        entries=entry,
        steps=ended.steps,
        tokens=ended.tokens,
        cost=ended.cost,
        seconds=ended.seconds,
    )


async def _check_role(snapshot: Snapshot, core: Core, role: str) -> None:
    """Raise CommandFailed if there is no such role."""
    roles = await asyncio.to_thread(load_all_roles, snapshot.roots, core.settings.team.trusted)
    if roles.get(role) is None:
        raise CommandFailed(
            f"There is no role {role!r}.", code="unknown-role", what_next="`starling.roles` lists them."
        )


def _find_last_answer_number(team: EditorTeam, session: str) -> int:
    """Return the number of the last entry of an agent among the session's `NEWEST` newest entries, 0 for none."""
    found = team.sessions.get(session)
    latest = team.sessions.read(session, after=max(0, found.entries - NEWEST)) if found is not None else ()
    return max((one.number for one in latest if one.kind is EntryKind.AGENT), default=0)


def _open_session(team: EditorTeam, arguments: Arguments) -> tuple[Session, str]:
    """Return the session that `arguments` name, or a new one, and the text of the request.

    `@role` is put before the request if another role than the session's is to answer.

    Raises:
        SessionUnavailable: there is no such session.
        StateError: the sessions cannot be read or written.
    """
    if not arguments.session:
        from agents.team.transcript import make_title  # noqa: PLC0415 (only where somebody talks to the team)

        title = make_title(arguments.request)
        return team.sessions.create(team.workspace, title=title, role=arguments.role), arguments.request
    session = team.find_session(arguments.session)
    if arguments.role in {"", session.role} or arguments.request.lstrip().startswith("@"):
        return session, arguments.request
    return session, f"@{arguments.role} {arguments.request}"
