"""One session of a connection: its mode, its turns, its questions. Start at `LiveSession.answer`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from acp import schema

from agents.markdown import make_inert
from agents.ports.failures import StateError
from agents.ports.sessions import SessionUnavailable
from agents.team import transcript
from agents.team.permissions.modes import Mode
from agents.team.session_runner import MOST_ENTRIES, SessionRunner
from agents.team.turn.conversation import Conversation
from models.errors import ModelError
from models.remote.billing import FREE
from server.acp.asking import PermissionAsker, PermissionPerson, PermissionRequests
from server.acp.history import replay_entries
from server.acp.tool_calls import make_line
from server.acp.turn_view import TurnView
from server.acp.update_sender import UpdateSender
from server.assembly.gates import make_disk_gate
from server.assembly.team import Client, build_team
from server.gate.ports import Outcome
from server.pairing.editors import PairedEditors
from server.pairing.paired_workplace import PairedWorkplace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acp import AgentSideConnection
    from acp.schema import StopReason

    from agents.edits import ProposedEdit
    from agents.ports.changes import ChangeOutcome, Changes
    from agents.ports.permissions import Cancelled
    from agents.ports.sessions import Session
    from agents.team.session_runner import Team
    from server.assembly.workspaces import Workspace
    from server.gate.gate import Gate
    from server.state.database import State

logger = logging.getLogger(__name__)

UNTITLED = "A session"
MODE_OPTION = "mode"
CLOSE_S = 5.0
"""Longest wait for a cancelled turn, in seconds."""

NO_SERVERS = "The MCP servers that the editor offers are not used."
MODES = (
    schema.SessionMode(
        id=Mode.ACT.value, name="Act", description="Agents change files and run commands, each after your yes."
    ),
    schema.SessionMode(id=Mode.PLAN.value, name="Plan", description="Agents only read, and answer or propose a plan."),
)


class SessionBusy(Exception):  # noqa: N818 (an answer, not an error of the program)
    """A turn of the session runs; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The client, and the parts that all sessions of its connection share.

    Attributes:
        client: sends updates and permission requests.
        name: name of the client's program, for the lease and the record.
        state: the database of sessions.
    """

    client: AgentSideConnection
    name: str
    state: State


async def open_session(connected: Connected, session: Session, workspace: Workspace, note: str = "") -> LiveSession:
    """Make a gate and a team for a stored session, record it as open, and return it ready for its first turn.

    Args:
        connected: the connection.
        session: the session as stored.
        workspace: its workspace.
        note: a sentence that the first turn begins with; "" for none.
    """
    editors = PairedEditors(workspace.roots)
    requests = PermissionRequests(functools.partial(connected.client.request_permission, session.id))

    def build() -> tuple[Gate, Team]:
        """Return the gate and the team of the session; blocking."""
        gate = make_disk_gate(
            workspace.roots,
            PermissionAsker(requests),
            workspace.core.index_limits,
            client=connected.name,
            surround=lambda disk: PairedWorkplace(disk, editors),
        )
        client = Client(connected.name, Mode.ACT, PermissionPerson(requests))
        files = replace(workspace.files, find_open_text=editors.find_open_text)
        return gate, build_team(workspace.core, files, gate, connected.state, client)

    gate, team = await asyncio.to_thread(build)  # roles are read
    await asyncio.to_thread(team.sessions.mark_open, session.id, team.owner)
    sender = UpdateSender(functools.partial(connected.client.session_update, session.id))
    notes = [*filter(None, [note]), *team.roles.problems]
    return LiveSession(session, workspace, team, gate, requests, sender, notes, editors)


class LiveSession:
    """A session that a client has begun, loaded or resumed; `open_session` makes it. On one event loop.

    Attributes:
        id: id of the session.
        workspace: its workspace.
        mode: what agents may do, from the next turn on.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (its parts)
        self,
        session: Session,
        workspace: Workspace,
        team: Team,
        gate: Gate,
        requests: PermissionRequests,
        sender: UpdateSender,
        notes: Sequence[str],
        editors: PairedEditors,
    ) -> None:
        self.id = session.id
        self.workspace = workspace
        self.mode = Mode.ACT
        self._team = team
        self._gate = gate
        self._requests = requests
        self._sender = sender
        self._notes = notes
        self._editors: PairedEditors | None = editors  # until the person is told of them
        self._unused = not session.entries
        self._stopped = threading.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._background: asyncio.Task[None] | None = None
        self._cost = 0.0  # of the turns since the session was opened here

    @property
    def options(self) -> list[Any]:
        """The mode as an option of the session, for clients that show options in place of modes."""
        choices = [
            schema.SessionConfigSelectOption(value=one.id, name=one.name, description=one.description) for one in MODES
        ]
        described = {"id": MODE_OPTION, "name": "Mode", "category": "mode", "type": "select"}
        return [
            schema.SessionConfigOptionSelect.model_validate(
                {**described, "currentValue": self.mode.value, "options": choices}
            )
        ]

    def set_mode(self, mode: Mode) -> None:
        """Set what agents may do, from the next turn on, and tell the client in both of the protocol's ways."""
        self.mode = mode
        self._sender.put(
            schema.CurrentModeUpdate(session_update="current_mode_update", current_mode_id=self.mode.value)
        )
        self._sender.put(schema.ConfigOptionUpdate(session_update="config_option_update", config_options=self.options))

    @property
    def modes(self) -> schema.SessionModeState:
        """The modes of the session, and the present one."""
        return schema.SessionModeState(current_mode_id=self.mode.value, available_modes=list(MODES))

    async def replay(self) -> None:
        """Send the history to the client, `MOST_ENTRIES` entries at most, and wait until it is sent."""
        team = self._team
        entries = await asyncio.to_thread(team.sessions.read, self.id, limit=MOST_ENTRIES)
        replay_entries(entries, self._sender, team.tools, self.workspace.roots)
        await self._sender.flush()

    async def answer(self, request: str) -> StopReason:
        """Have the team answer `request`, shown as it happens; return the reason for the end of the turn.

        Raises:
            SessionBusy: another turn of this session runs.
            SessionUnavailable: another client drives the session, or it was deleted or is full.
            StateError: the session cannot be read or written.
        """
        if not self._ended.is_set():
            raise SessionBusy("A turn of this session runs; cancel it, or wait for its end.")
        team = self._team
        self._ended.clear()
        self._stopped = stopped = threading.Event()
        view = self._requests.view = TurnView(self._sender, team.tools, self.workspace.roots)
        try:
            await self._begin(team, request)
            changes = _ShownChanges(team.bench.changes, view)
            turn = replace(team, bench=replace(team.bench, mode=self.mode, changes=changes))
            ended = await SessionRunner(turn, self.id).handle(request, view.show, stopped.is_set)
            self._cost += ended.cost
            reason = await view.end(ended)
        finally:
            self._requests.view = None
            self._ended.set()
        self._background = asyncio.create_task(self._show_usage(team))
        return reason

    def cancel(self) -> None:
        """Have the present turn end as soon as possible; do nothing between turns."""
        self._stopped.set()

    async def close(self) -> None:
        """Cancel the present turn, wait for its end (`CLOSE_S` at most), and close the gate.

        Deletes the session if nothing was ever said in it.
        """
        self.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), CLOSE_S)
        if self._background is not None:
            self._background.cancel()
        await self._sender.close()
        await self._gate.close()
        with contextlib.suppress(StateError, SessionUnavailable):
            await asyncio.to_thread(self._team.sessions.mark_closed, self.id, self._team.owner)
            if self._unused:
                await asyncio.to_thread(self._team.sessions.delete, self.id)

    async def _begin(self, team: Team, request: str) -> None:
        """Name a new session after its first request; at the first turn, show the notes and the paired editors."""
        if self._editors is not None:
            names = await asyncio.to_thread(self._editors.list_names)
            self._notes = [*self._notes, describe_editors(names)]
            self._editors = None
        for note in self._notes:
            self._sender.put_text("thought", f"{make_inert(note)}\n")
        self._notes = ()
        if self._unused:
            title = transcript.make_title(request)
            await asyncio.to_thread(team.sessions.set_title, self.id, title)
            self._unused = False
            self._sender.put(schema.SessionInfoUpdate(session_update="session_info_update", title=make_line(title)))

    async def _show_usage(self, team: Team) -> None:
        """Send how many tokens of the model's window the conversation takes, and its cost where prices are configured.

        The cost is that of the turns since the session was opened here. Does nothing without a chat model, or if the
        tokens cannot be counted.
        """
        chat = team.find_chat("chat")
        if chat is None:
            return

        def count() -> int:
            """Return the tokens of the stored conversation; blocking."""
            entries = team.sessions.read(self.id, limit=MOST_ENTRIES)
            return Conversation(chat.count_tokens, chat.context_tokens, transcript.read_messages(entries)).tokens

        try:
            used = await asyncio.to_thread(count)
        except (StateError, ModelError) as error:
            logger.info("the tokens of a session cannot be counted: %s", error)
            return
        core = self.workspace.core
        priced = any(one != FREE for one in core.chats.prices.values())
        cost = schema.Cost(amount=self._cost, currency=core.settings.chat.currency) if priced else None
        self._sender.put(
            schema.UsageUpdate(session_update="usage_update", used=used, size=chat.context_tokens, cost=cost)
        )


def describe_editors(names: Sequence[str]) -> str:
    """Return a sentence for the person on the editors that are paired with the session, or that there is none."""
    if not names:
        return (
            "No editor with Starling's language server is open on this workspace: agents read and change the files on "
            "the disk, so save what they should see."
        )
    where = " and ".join(dict.fromkeys(names))
    return (
        f"{where} {'is' if len(set(names)) == 1 else 'are'} open on this workspace: agents read the unsaved texts "
        "there, and change open files there."
    )


@dataclass(frozen=True, slots=True)
class _ShownChanges:
    """Changes whose diffs the client sees before the gate decides about them."""

    changes: Changes
    view: TurnView

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> ChangeOutcome:
        """Show and propose an edit; see `agents.ports.changes.Changes.propose`.

        Adds to the reason of the outcome which changed files are not saved in the editor yet.
        """
        await self.view.flush()
        self.view.show_changes(proposal)
        outcome = await self.changes.propose(proposal, task=task, rule=rule, cancelled=cancelled)
        if not isinstance(outcome, Outcome) or not outcome.applied or not outcome.unsaved:
            return outcome
        names = ", ".join(outcome.unsaved)
        note = f"In the editor, {names} is not saved yet: commands and tests see the older text until the person saves."
        return replace(outcome, reason=f"{outcome.reason} {note}".strip())

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> ChangeOutcome:
        """Propose to undo a change; see `agents.ports.changes.Changes.undo`."""
        return await self.changes.undo(checkpoint, cancelled=cancelled)
