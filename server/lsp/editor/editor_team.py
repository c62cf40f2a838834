"""The team of agents in an editor: the live sessions of one connection, and the requests that run in these.

A live session keeps its runner between requests; everything else is in the state database, so that any client can go on
with the session. Several sessions may run at once, one request of each. Created at the
first use, because it imports the team. Start at `EditorTeam.run_turn`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from agents.edits import TextChange
from agents.ports.sessions import Session, SessionUnavailable
from agents.team.asked_again import ask_in_session
from agents.team.permissions.paths import shorten_path
from agents.team.session_runner import SessionRunner
from indexing.workspace.origins import parse_file_uri
from server.assembly import team as assembly
from server.assembly.gates import open_state
from server.assembly.resources import Files
from server.lsp.editor.editor_gate import make_viewer
from server.lsp.editor.editor_person import EditorPerson
from server.lsp.editor.editor_saving import SavedChanges, save_in_editor
from server.lsp.editor.overwritten_files import CheckedChanges, OpenFile, OverwrittenFiles, WatchedCommands
from server.observation.ids import bind
from server.state.feedback_store import FeedbackStore
from server.state.lease_owners import name_owner
from server.state.session_store import SessionStore
from server.state.watching.metrics_store import flush_all

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from agents.edits import ProposedEdit
    from agents.team.events import Emit, TurnEnded
    from agents.team.permissions.modes import Mode
    from server.assembly.core import Core
    from server.gate.gate import Gate
    from server.gate.ports import Outcome
    from server.lsp.editor.client import Client
    from server.lsp.editor.jobs import Job
    from server.lsp.session.open_documents import Documents
    from server.lsp.session.visits import Visit

logger = logging.getLogger(__name__)

MOST_LIVE = 50
"""Sessions whose runners are kept; the one that was used least recently is evicted first."""

MOST_SEARCHED = 1000
"""Sessions of a workspace among which one is found by the first characters of its id."""

MOST_RUNNING = 4
"""Requests that one connection answers at once, because each takes a thread of asyncio's few."""

MOST_OPEN_FILES = 100
"""Open files that are recorded with a request."""

STOP_WAIT_S = 5.0
"""Seconds in which a cancelled turn may end by itself and record that."""


class TeamSession(Protocol):
    """The parts of a connection's session that the team needs."""

    client: Client
    roots: tuple[Path, ...]
    documents: Documents
    visit: Visit | None

    def get_gate(self) -> Gate:
        """Return the gate of the connection."""
        ...

    def make_notifier(self) -> Callable[[str], None]:
        """Return a function that shows a message to the person; any thread may call it."""
        ...


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """A request to the team.

    Attributes:
        core: models, index and reviewer.
        session: the session.
        mode: what agents may do.
        text: what the person says.
        emit: takes the events of the turn.
        shown: the file that the person's editor shows; None for none.
        job: the job in whose time the turn runs; its cancellation cancels the turn.
    """

    core: Core
    session: Session
    mode: Mode
    text: str
    emit: Emit
    shown: Path | None
    job: Job


@dataclass(slots=True)
class _LiveSession:
    """A session that this connection has used.

    Attributes:
        runner: its runner, None before the first request.
        made_for: core, mode and folders that the runner was made for; another runner is made when one of them changes.
    """

    runner: SessionRunner | None = None
    made_for: tuple[Core, Mode, tuple[Path, ...]] | None = None


@dataclass(frozen=True, slots=True)
class _RunningTurn:
    """A request that is being answered: the job that it runs in, and its task."""

    job: Job
    task: asyncio.Task[TurnEnded]


class EditorTeam:
    """The team of one connection; used on its event loop. Owns a connection to the state database.

    Attributes:
        sessions: the store of sessions; its calls block.
        feedback: the store of feedback; its calls block.
    """

    def __init__(self, server: LanguageServer, session: TeamSession) -> None:
        self._session = session
        self._state = open_state(session.make_notifier())
        self.sessions = SessionStore(self._state, make_viewer(session.visit))
        self.feedback = FeedbackStore(self._state)
        self._server = server
        self._overwritten = OverwrittenFiles(self._list_open_files)
        self._live: dict[str, _LiveSession] = {}
        self._running: dict[str, _RunningTurn] = {}
        self._closed = False

    @property
    def workspace(self) -> str:
        """The workspace of new sessions, as a URI; "" without one."""
        return assembly.name_workspace(self._session.roots)

    def find_session(self, name: str) -> Session:
        """Return the session of this workspace whose id is `name` or begins with it. Blocking.

        The beginning of an id is looked for among the `MOST_SEARCHED` newest sessions.

        Raises:
            SessionUnavailable: there is none, or several.
            StateError: the sessions cannot be read.
        """
        exact = self.sessions.get(name)
        if exact is not None and exact.workspace == self.workspace:
            return exact
        listed = self.sessions.list_newest(self.workspace, MOST_SEARCHED) if name else ()
        found = [one for one in listed if one.id.startswith(name)]
        if len(found) != 1:
            what = "several sessions" if found else "no session"
            raise SessionUnavailable(f"There is {what} {name!r} in this workspace; `starling.sessions` lists them.")
        return found[0]

    def is_running(self, session: str) -> bool:
        """Return whether a request of this connection runs in a session."""
        return session in self._running

    def cancel(self, session: str) -> bool:
        """Ask the request that runs in a session to stop; return whether one runs."""
        running = self._running.get(session)
        if running is None:
            return False
        running.job.stopped.set()
        return True

    def forget(self, session: str) -> None:
        """Drop the runner of a session that was deleted."""
        self._live.pop(session, None)

    async def run_turn(self, turn: TurnRequest) -> TurnEnded:
        """Have the team answer a request; return how the turn ended.

        A turn whose caller is cancelled ends by itself within `STOP_WAIT_S`, so that its end is recorded.

        Raises:
            SessionUnavailable: another request runs in the session, here or in another client; too many run here; the
                session does not exist; or the team is closed.
            StateError: the session cannot be read or written.
        """
        session = turn.session
        if session.id in self._running or self._closed:
            raise SessionUnavailable(
                f"{session.title!r} is answering another request; wait for the answer, or cancel it first."
            )
        if len(self._running) >= MOST_RUNNING:
            raise SessionUnavailable(f"{MOST_RUNNING} requests are being answered already; wait for one, or cancel it.")
        task = asyncio.create_task(self._answer(self._get_live_session(session.id), turn))
        self._running[session.id] = _RunningTurn(turn.job, task)
        task.add_done_callback(lambda _: self._running.pop(session.id, None))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            turn.job.stopped.set()
            await _stop(task)
            raise

    async def ask_in_session(self, session: str, title: str, ask: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Call `ask`, which asks a person again about the edit `title`; record its outcome in the session, return it.

        Raises:
            SessionUnavailable: a request runs in the session, here or in another client.
            StateError: the session cannot be read or written.
        """
        if self.is_running(session):
            raise SessionUnavailable("Its session is answering a request; wait for the answer, or cancel it first.")
        owner = name_owner(self._session.client.name or "an editor")
        return await ask_in_session(self.sessions, session, owner, title, ask)

    async def propose_and_save(self, proposal: ProposedEdit) -> Outcome:
        """Propose an edit and return its outcome; if applied, have files saved that had no unsaved text before."""
        paths = tuple(one.path for one in proposal.changes if isinstance(one, TextChange) and one.path is not None)
        unsaved = await self._overwritten.list_unsaved()
        outcome = await self._session.get_gate().propose(proposal)
        if outcome.checkpoint:
            await self._save([path for path in paths if path not in unsaved])
        return outcome

    async def close(self) -> None:
        """Cancel all requests, wait at most twice `STOP_WAIT_S` for their ends, and close the database.

        Also waits until the figures of this process are written.
        """
        self._closed = True
        running = tuple(self._running.values())
        for one in running:
            one.job.stopped.set()
        await asyncio.gather(*(_stop(one.task) for one in running))
        await asyncio.to_thread(flush_all)
        await asyncio.to_thread(self._state.close)

    async def _answer(self, live: _LiveSession, turn: TurnRequest) -> TurnEnded:
        """Answer one request with the session's runner, which is made anew if core, mode or folders have changed."""
        wanted = (turn.core, turn.mode, self._session.roots)
        if live.runner is None or live.made_for != wanted:
            make = partial(self._make_runner, turn, self._session.roots, self._session.get_gate())
            live.runner, live.made_for = await asyncio.to_thread(make), wanted
        with bind(session=turn.session.id):
            return await live.runner.handle(turn.text, turn.emit, turn.job.is_cancelled, turn.shown)

    def _make_runner(self, turn: TurnRequest, roots: tuple[Path, ...], gate: Gate) -> SessionRunner:
        """Return a runner for the session of `turn`. Blocking."""
        person = EditorPerson(self._server, lambda: self._session.client, lambda: self._is_stopped(turn.session.id))
        client = assembly.Client(self._session.client.name or "an editor", turn.mode, person)
        files = Files(turn.core, roots, self._find_open_text)
        team = assembly.build_team(turn.core, files, gate, self._state, client)
        commands = team.bench.commands
        checked = CheckedChanges(team.bench.changes, self._overwritten)
        bench = replace(
            team.bench,
            changes=SavedChanges(checked, self._overwritten, self._save),
            commands=WatchedCommands(commands, self._overwritten) if commands is not None else None,
        )
        named = partial(self._name_open_files, files)
        return SessionRunner(replace(team, bench=bench, list_open_files=named), turn.session.id)

    async def _save(self, paths: Sequence[Path]) -> None:
        """Have the editor save files, if it can; see `save_in_editor`."""
        await save_in_editor(self._server, self._session.client, paths)

    def can_ask(self, choices: Sequence[str]) -> bool:
        """Return whether this client can ask a question with `choices`; () means a question for any text."""
        return self._session.client.asks or bool(choices)

    async def ask_person(self, question: str, choices: Sequence[str]) -> str | None:
        """Ask the person here what an agent of another process asks; see `agents.ports.person.Person.ask`."""
        return await EditorPerson(self._server, lambda: self._session.client, lambda: False).ask(question, choices)

    def _is_stopped(self, session: str) -> bool:
        """Return whether no request runs in a session, or it was cancelled."""
        running = self._running.get(session)
        return running is None or running.job.is_cancelled()

    def _get_live_session(self, session: str) -> _LiveSession:
        """Return the live session with the id `session`, added if needed; evict idle ones beyond `MOST_LIVE`."""
        live = self._live.pop(session, None) or _LiveSession()
        self._live[session] = live
        idle = [one for one in self._live if one not in self._running and one != session]
        for one in idle[: max(0, len(self._live) - MOST_LIVE)]:
            del self._live[one]
        return live

    def _find_open_text(self, uri: str) -> str | None:
        """Return the editor's text of the file `uri`, however the editor writes the URI; for any thread.

        None if the file is not open or is too large.
        """
        document = self._session.documents.get(uri)
        if document is not None:
            return None if document.oversized else document.record.text
        path = parse_file_uri(uri)
        return next((one.text for one in self._list_open_files() if one.path == path), None)

    def _name_open_files(self, files: Files) -> Sequence[str]:
        """Return the names of up to `MOST_OPEN_FILES` open files of the workspace that agents may read.

        Agents use the same names: paths relative to a workspace folder.
        """
        roots = self._session.roots
        paths = [one.path for one in self._list_open_files() if any(map(one.path.is_relative_to, roots))]
        shown = (path for path in paths if not files.core.index.find_exclusion_reason(path))
        return [shorten_path(path, roots) for path in shown][:MOST_OPEN_FILES]

    def _list_open_files(self) -> Iterator[OpenFile]:
        """Yield each open file, without notebooks and oversized files."""
        documents = self._session.documents
        for one in documents:
            if one.path is not None and not one.cell and not one.oversized:
                yield OpenFile(one.path, one.record.text, documents.get_synced_at(one.uri))


async def _stop(task: asyncio.Task[TurnEnded]) -> None:
    """Wait until a turn whose job was stopped has ended; cancel it after `STOP_WAIT_S`."""
    await asyncio.wait((task,), timeout=STOP_WAIT_S)
    if not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=STOP_WAIT_S)
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        logger.info("a cancelled turn failed: %s", error)
