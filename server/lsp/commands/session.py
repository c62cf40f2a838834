"""`starling.session`: show, export, rename or delete one session with the team."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from agents.team import transcript
from server.gate.records import Status
from server.lsp.commands.answering import sessions
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.sessions import SessionFacts
from server.state import session_export
from server.state.lease_owners import describe_owner
from server.state.session_store import require_long_prefix

if TYPE_CHECKING:
    from agents.ports.feedback import Feedback
    from agents.ports.sessions import Entry, Session
    from agents.team.session_notes import PlanStep
    from server.gate.journal import Journal
    from server.gate.records import Request
    from server.lsp.editor.editor_team import EditorTeam
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

MOST_ENTRIES = 10_000


class Arguments(CommandRecord):
    """A session, and what to do with it."""

    session: str = Field(min_length=1, max_length=100, description=sessions.SESSION_ID)
    action: Literal["show", "export", "rename", "delete"] = Field(
        default="show",
        description='"show" returns entries of the history, "export" the whole session as a text, "rename" sets the '
        '`title`, "delete" deletes the session with its history for ever.',
    )
    format: Literal["markdown", "json"] = Field(default="markdown", description="Format of an exported text.")
    title: str = Field(default="", max_length=1000, description='The new title, for "rename".')
    after: int = Field(default=0, ge=0, description='For "show": only entries with a higher number.')
    force: bool = Field(default=False, description='For "delete": delete it although another client has it open.')
    limit: int = Field(default=1000, ge=1, le=MOST_ENTRIES, description='For "show": most entries to return.')


class FeedbackFacts(CommandRecord):
    """A person's feedback on an entry."""

    thumb: Literal["up", "down"]
    comment: str = Field(description='The person\'s words, "" for none.')


class EntryFacts(CommandRecord):
    """One entry of the history."""

    number: int = Field(description="Its number, from 1.")
    kind: str = Field(description='"person", "agent", "call", "result" (a tool\'s: data) or "note" (the program\'s).')
    by: str = Field(description="The client, the agent or the tool.")
    text: str = Field(description="Its text; of an agent, Markdown that a viewer can show without fetching anything.")
    calls: tuple[str, ...] = Field(description="Names of the tools that the agent called with it.")
    at: float = Field(description="Seconds since the epoch.")
    feedback: FeedbackFacts | None = Field(description="Null for none.")


class StepFacts(CommandRecord):
    """One step of a plan."""

    title: str
    status: str = Field(description='"open", "active", "done" or "dropped".')


class QuestionFacts(CommandRecord):
    """A question of the session that nobody has answered."""

    request: str = Field(description="Id of the request, for `starling.askAgain`.")
    title: str = Field(description="The change or call in a few words.")
    subjects: tuple[str, ...] = Field(description="Files, or the command.")
    created: float = Field(description="Seconds since the epoch.")
    open: bool = Field(description="Whether it is being asked now, by the client that drives the session.")


class Result(CommandRecord):
    """The session."""

    session: SessionFacts | None = Field(description="Null once it is deleted.")
    plan: tuple[StepFacts, ...] = Field(default=(), description="The plan.")
    questions: tuple[QuestionFacts, ...] = Field(
        default=(), description="Questions to the person without an answer: open ones, and those to be asked again."
    )
    open_files: tuple[str, ...] = Field(
        default=(), description="Files that were open in the client at the person's last request."
    )
    history: tuple[EntryFacts, ...] = Field(default=(), description="The entries that were asked for.")
    text: str = Field(default="", description="The exported text.")


@dataclass(frozen=True, slots=True)
class _Read:
    """A session with its entries, the feedback on these and its questions; `session` is None once it is deleted."""

    session: Session | None
    entries: tuple[Entry, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    plan: tuple[PlanStep, ...] = ()
    open_files: tuple[str, ...] = ()
    questions: tuple[Request, ...] = ()


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Show, export, rename or delete the session, and return the session as it is afterwards (null once deleted).

    After "rename", plan, questions and history are empty.

    Raises:
        CommandFailed: there is no such session, it is in use or named too shortly and is to be deleted, the new title
            is empty, or the sessions cannot be read or written.
    """
    if arguments.action == "rename" and not arguments.title.strip():
        raise CommandFailed("A session needs a title.", code="invalid", what_next="Give a `title`.")
    team = services.get_team()
    read = await sessions.call_store(partial(_act, team, services.gate.journal, arguments))
    if read.session is None:
        return Result(session=None)
    feedback = {one.number: one for one in read.feedback}
    shown = read.entries if arguments.action == "show" else ()
    return Result(
        session=SessionFacts.of(read.session, team, len(read.questions)),
        plan=tuple(StepFacts(title=one.title, status=one.status) for one in read.plan),
        questions=tuple(_describe_question(one) for one in read.questions),
        open_files=read.open_files,
        history=tuple(_describe_entry(one, feedback.get(one.number)) for one in shown),
        text=_export(read.session, read.entries, feedback, arguments.format) if arguments.action == "export" else "",
    )


def _act(team: EditorTeam, journal: Journal, arguments: Arguments) -> _Read:
    """Rename or delete the session if asked to, and return the session (None once it is deleted).

    For "show" and "export" also return its entries that are meant for people, their feedback, and its plan, open files
    and unanswered questions.

    Raises:
        SessionUnavailable: there is no such session, or it is to be deleted and is in use, or its name is too short.
        StateError: the sessions cannot be read or written.
    """
    store = team.sessions
    session = team.find_session(arguments.session)
    if arguments.action == "delete":
        require_long_prefix(session, arguments.session)
        store.delete(session.id, force=arguments.force)
        team.forget(session.id)
        return _Read(None)
    if arguments.action == "rename":
        store.set_title(session.id, arguments.title.strip())
        return _Read(store.get(session.id))
    entries = store.read(session.id, limit=MOST_ENTRIES)
    plan, feedback = transcript.read_notes(entries).plan, team.feedback.list_feedback(session.id)
    told = tuple(one for one in entries if session_export.is_for_people(one))
    if arguments.action == "show":
        told = tuple(one for one in told if one.number > arguments.after)[: arguments.limit]
    open_files, questions = transcript.read_open_files(entries), journal.list_unanswered(session.id)
    return _Read(session, told, feedback, plan, open_files, questions)


def _describe_question(request: Request) -> QuestionFacts:
    """Return an unanswered request for the client."""
    return QuestionFacts(
        request=request.id,
        title=request.title,
        subjects=request.subjects,
        created=request.created,
        open=request.status == Status.PENDING,
    )


def _describe_entry(entry: Entry, feedback: Feedback | None) -> EntryFacts:
    """Return an entry for the client, its text as inert Markdown; the text of a tool's result stays as it is."""
    calls = transcript.read_details(entry).get("calls", ())
    given = FeedbackFacts(thumb=feedback.thumb.value, comment=feedback.comment) if feedback is not None else None
    return EntryFacts(
        number=entry.number,
        kind=entry.kind.value,
        by=describe_owner(entry.by),
        text=session_export.format_entry_text(entry),
        calls=tuple(str(one["name"]) for one in calls),
        at=entry.at,
        feedback=given,
    )


def _export(session: Session, entries: tuple[Entry, ...], feedback: dict[int, Feedback], form: str) -> str:
    """Return the whole session as Markdown, or as JSON."""
    if form == "markdown":
        return session_export.format_markdown(session, entries, feedback)
    history = [session_export.describe_entry(one, feedback.get(one.number)) for one in entries]
    exported: dict[str, Any] = {**session_export.describe_session(session), "history": history}
    return json.dumps(exported, ensure_ascii=False, indent=2)
