"""A session's turns: who answers, the conversation so far, the turn itself, and everything recorded as it happens.

One request at a time; another client's lease is respected. What is recorded suffices to resume the session in another
process: each message is stored before anything else happens. Start at `SessionRunner.handle`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agents.markdown import make_inert
from agents.ports.failures import StateError
from agents.ports.sessions import Entry, EntryKind, Session, SessionState, SessionUnavailable
from agents.ports.tracing import open_span
from agents.team import instructions, router, transcript
from agents.team.events import AgentChosen, CallEnded, CallStarted, Noted, PlanChanged, TurnEnded, TurnStatus
from agents.team.failure import ToolFailed
from agents.team.led.pipeline import run_led_turn
from agents.team.limits import Spending, TurnLimits
from agents.team.lost_results import LostResults
from agents.team.retrieval.named_files import NamedFiles, gather_named_files
from agents.team.run_records import RecordedChat, RunRecorder
from agents.team.session_lease import hold_session
from agents.team.session_notes import SessionNotes
from agents.team.shown_text import InertEvents
from agents.team.state_keeper import StateKeeper
from agents.team.toolset import Toolset, select_for_role
from agents.team.turn.conversation import Conversation
from agents.team.turn.loop import Agent, record_nothing
from agents.team.turn.self_check import run_checked_turn
from agents.team.watching.watch import ROUTING, TurnBegan, Watch, WatchedChat, ignore
from agents.team.workflows.session_turn import run_workflow_turn
from agents.team.workflows.workflow_files import Workflows
from agents.traced_chat import TracedChat
from models.chat import Message, Speaker
from models.chat_layers import CountedChat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from agents.ports.request_outcomes import FindOutcomes
    from agents.ports.sessions import Sessions
    from agents.team.events import Emit, Event
    from agents.team.role_files import Role, Roles
    from agents.team.tool import TeamTool, Workbench
    from agents.team.workflows.runner import WorkflowRequest
    from models.chat import ChatModel, Reply

MOST_ENTRIES = 5000
"""Entries that a resumed session reads."""

SHOWN_AFTER_S = 0.25
"""Seconds after which a changed state is stored for other clients, unless an entry has brought it sooner."""

NO_MODEL = (
    "No chat model is configured, so no agent can work. Set `chat.url` and `chat.model` in your own settings.toml, or "
    "install a model: `starling models recommend` says which."
)


@contextlib.contextmanager
def open_no_record(_: str) -> Iterator[Callable[[str], None]]:
    """Yield a function that drops its lines: for a team whose turns are not recorded."""
    yield lambda _: None


@dataclass(frozen=True, slots=True)
class Team:
    """The team of one workspace.

    Attributes:
        sessions: where sessions are stored.
        roles: all roles.
        tools: all tools.
        find_chat: returns the chat model for a model role ("chat", "review"); None for none.
        bench: the workbench that every agent's own one is made from.
        owner: name of this client's process, for the lease of a session.
        limits: the person's limits, which no role exceeds.
        open_record: returns a context manager that gives a function which writes one line of a turn's record.
        compute_cost: returns the cost of a reply, in the currency of the configured prices.
        is_led: returns whether the model for a model role is led by the fixed pipeline.
        find_outcomes: returns the outcomes of a session's requests to a person, for calls that were cut short.
        list_open_files: returns the files that are open in the client, as agents name files. Blocking.
        workflows: all workflows.
        watch: takes everything that happens in a session, for logs and figures.
    """

    sessions: Sessions
    roles: Roles
    tools: tuple[TeamTool[Any], ...]
    find_chat: Callable[[str], ChatModel | None]
    bench: Workbench
    owner: str
    limits: TurnLimits = field(default_factory=TurnLimits)
    open_record: Callable[[str], AbstractContextManager[Callable[[str], None]]] = open_no_record
    is_led: Callable[[str], bool] = lambda _: False
    compute_cost: Callable[[Reply], float] = lambda _: 0.0
    find_outcomes: FindOutcomes = lambda _: ()
    list_open_files: Callable[[], Sequence[str]] = lambda: ()
    workflows: Workflows = field(default_factory=Workflows)
    watch: Watch = ignore


class SessionRunner:
    """Drives one session; on one event loop.

    Args:
        team: the team.
        session: id of the session.
    """

    def __init__(self, team: Team, session: str) -> None:
        self._team = team
        self._session = session
        self._state = self._stored_state = SessionState.IDLE
        self._writing = asyncio.Lock()
        self._recorder = RunRecorder(lambda _: None)
        self._notes = SessionNotes()
        self._stored_notes = self._notes.dump()

    async def handle(
        self,
        request: str,
        emit: Emit,
        cancelled: Callable[[], bool],
        shown: Path | None = None,
        workflow: WorkflowRequest | None = None,
    ) -> TurnEnded:
        """Have the team answer `request`; return how the turn ended. Everything is recorded on the way.

        `shown` is the file that the person's editor shows, None for none. With `workflow`, that workflow does the
        request; if the session has an unfinished run of it, that run goes on.
        Text for the client is inert Markdown; the record has it as the model wrote it.

        Raises:
            SessionUnavailable: the session does not exist, is full, or another client drives it.
            StateError: the session cannot be read or written.
        """
        name = workflow.name if workflow is not None else ""
        with open_span("turn", session=self._session, workflow=name, mode=self._team.bench.mode.value) as span:
            span.set_text("request", request)
            ended = await self._handle(request, emit, cancelled, shown, workflow)
            span.set(status=ended.status.value, steps=ended.steps, tokens=ended.tokens)
        return ended

    async def _handle(
        self,
        request: str,
        emit: Emit,
        cancelled: Callable[[], bool],
        shown: Path | None,
        workflow: WorkflowRequest | None,
    ) -> TurnEnded:
        """Answer `request` as `handle` says."""
        team = self._team
        async with hold_session(team.sessions, self._session, team.owner) as held:
            showing = asyncio.create_task(self._store_states())
            try:
                entries: Sequence[Entry] = ()
                if held.entries:
                    read, newest = team.sessions.read, max(0, held.entries - MOST_ENTRIES)
                    entries = await asyncio.to_thread(read, self._session, after=newest, limit=MOST_ENTRIES)
                self._notes = transcript.read_notes(entries)
                self._stored_notes = self._notes.dump()
                refusal = team.bench.rules.explain_unreadable()
                brings_text = workflow is None and not team.is_led("chat")
                named = NamedFiles() if refusal else await self._gather_named_files(request, shown, brings_text)
                attached = named.text if brings_text else ""
                await self._record(SessionState.PROCESSING, await self._make_request_entry(request, attached))
                with team.open_record(self._session) as write:
                    self._recorder = RunRecorder(write)
                    recorded = self._make_recording_emit(emit)
                    team.watch(self._session, TurnBegan(workflow.name if workflow is not None else ""))
                    for problem in named.problems:
                        recorded(Noted(problem))
                    if refusal:
                        ended = TurnEnded(TurnStatus.FAILED, refusal)
                    elif workflow is not None:
                        bench = self._make_bench(recorded, cancelled)
                        ended = await run_workflow_turn(workflow, request, team, bench, self)
                    else:
                        ended = await self._answer(held, entries, request, attached, recorded, cancelled)
                    self._recorder.record_event(ended)
                    team.watch(self._session, ended)
                state = SessionState.ERROR if ended.status is TurnStatus.FAILED else SessionState.IDLE
                note = [] if ended.status is TurnStatus.DONE else [Entry(EntryKind.NOTE, "starling", ended.text)]
                await self._record(state, *note, *self._take_changed_notes(), releases=True)
            except BaseException:
                with contextlib.suppress(StateError, SessionUnavailable):
                    await asyncio.shield(self._record(SessionState.ERROR))
                raise
            finally:
                showing.cancel()
        return replace(ended, text=make_inert(ended.text))

    async def _gather_named_files(self, request: str, shown: Path | None, brings_text: bool) -> NamedFiles:  # noqa: FBT001
        """Return the text of files that a request names, and problems; imports are offered only with `brings_text`."""
        bench = replace(self._team.bench, offered=self._notes.offered if brings_text else None)
        with open_span("context") as span:
            named = await gather_named_files(request, shown, bench)
            span.set(characters=len(named.text), problems=len(named.problems))
        return named

    async def _make_request_entry(self, request: str, attached: str) -> Entry:
        """Return the entry of a request, secrets hidden, with `attached` and the files that are open in the client."""
        names = list(await asyncio.to_thread(self._team.list_open_files))
        kept: dict[str, Any] = {"open_files": names} if names else {}
        if attached:
            kept["attached"] = transcript.hide_secrets(attached)
        details = json.dumps(kept) if kept else ""
        return Entry(EntryKind.PERSON, self._team.owner, transcript.hide_secrets(request), details)

    def _make_recording_emit(self, emit: Emit) -> Emit:
        """Return an `emit` that also writes each event into the turn's record, and tells the watcher."""
        recorder = self._recorder

        def record_and_emit(event: Event) -> None:
            recorder.record_event(event)
            self._team.watch(self._session, event)
            emit(event)

        return record_and_emit

    async def _store_states(self) -> None:
        """Store the state whenever it has changed and no entry has stored it, until cancelled; ignores failures."""
        while True:
            await asyncio.sleep(SHOWN_AFTER_S)
            if self._state is not self._stored_state:
                with contextlib.suppress(StateError, SessionUnavailable):
                    await self._record(self._state)

    async def _answer(  # noqa: PLR0913, PLR0917 (the parts of a turn)
        self,
        held: Session,
        entries: Sequence[Entry],
        request: str,
        attached: str,
        emit: Emit,
        cancelled: Callable[[], bool],
    ) -> TurnEnded:
        """Choose a role and have it answer; return how its turn ended.

        FAILED without a chat model, or if the person named a role that does not exist. Forgets a plan that was refused.
        """
        team = self._team
        chat = team.find_chat("chat")
        if chat is None:
            return TurnEnded(TurnStatus.FAILED, NO_MODEL)
        routed: list[Reply] = []
        try:
            with open_span("route"):
                choice = await asyncio.to_thread(
                    router.choose_role,
                    request,
                    team.roles,
                    current=held.role,
                    last=router.find_last_answer(entries),
                    chat=None if team.is_led("chat") else CountedChat(self._wrap_chat(chat, ROUTING), routed.append),
                    fallback=router.choose_fallback(is_led=team.is_led("chat"), mode=team.bench.mode),
                    cancelled=cancelled,
                )
        except ValueError as error:
            return TurnEnded(TurnStatus.FAILED, str(error))
        emit(AgentChosen(choice.role.name, choice.why))
        if self._notes.drop_refused_plan():
            emit(PlanChanged(()))
        outcomes = LostResults(await asyncio.to_thread(team.find_outcomes, self._session) if entries else ())
        said = Message(Speaker.USER, transcript.join_attached(choice.request, attached))
        messages = [*transcript.read_messages(entries, outcomes.describe), said]
        spending = Spending(choice.role.limits.narrow(team.limits))
        for reply in routed:
            spending.add_without_step(reply.usage, team.compute_cost(reply))
        bench = self._make_bench(emit, cancelled)
        try:
            return await self._run_role(choice.role, messages, bench, spending)
        finally:
            bench.permissions.end_task(bench.task)

    def _make_bench(self, emit: Emit, cancelled: Callable[[], bool]) -> Workbench:
        """Return the workbench of one turn, which the agents' own ones are made from."""
        task, session, notes = uuid.uuid4().hex, self._session, self._notes
        return replace(self._team.bench, task=task, session=session, notes=notes, emit=emit, cancelled=cancelled)

    async def run_agent(self, role: Role, messages: list[Message], bench: Workbench, spending: Spending) -> TurnEnded:
        """Run one turn of an agent for a step of a workflow, without storing its messages; return how it ended."""
        return await self._run_role(role, messages, bench, spending, inner=True)

    async def record_step(self, entry: Entry) -> None:
        """Store an entry about a workflow, together with the notes, which hold how far it has come."""
        await self._record(SessionState.PROCESSING, entry, *self._take_changed_notes())

    async def _run_role(
        self, role: Role, messages: list[Message], bench: Workbench, spending: Spending, *, inner: bool = False
    ) -> TurnEnded:
        """Run one turn of an agent; return how it ended. With `inner`, its messages are not stored in the session."""
        team = self._team
        chat = team.find_chat(role.model) or team.find_chat("chat")
        if chat is None:
            return TurnEnded(TurnStatus.FAILED, NO_MODEL)

        async def delegate(name: str, task: str) -> str:
            """Have the role `name` do `task`; return its answer."""
            return await self._delegate(role, name, task, bench, spending)

        waiting = StateKeeper(self, bench.changes, bench.permissions, bench.person)
        shown = InertEvents(bench.emit)
        own = replace(
            bench,
            agent=role.name,
            model=chat.name,
            emit=lambda event: self.forward_event(event, shown.emit),
            delegate=delegate,
            capabilities=role.capabilities,
            loaded=set(role.loaded),
            offered=None if team.is_led(role.model) else set() if inner else bench.notes.offered,
            roles=(role.name, *(one for one in role.may_ask if team.roles.get(one) is not None)),
            changes=waiting,
            permissions=waiting,
            person=waiting if bench.person is not None else None,
        )
        remembered: tuple[str, ...] = ()
        if own.memory is not None and not team.is_led(role.model):
            with open_span("recall") as span:
                remembered = await own.memory.find_memories(role.name, messages[-1].text, chat.count_tokens)
                span.set(found=len(remembered))
        agent = Agent(
            self._wrap_chat(chat, role.name),
            Toolset(select_for_role(team.tools, role, inner=inner)),
            lambda: instructions.append_memories(
                instructions.build_instructions(role, own.notes, own.mode, own.roots, own.loaded), remembered
            ),
            role.temperature,
            price=team.compute_cost,
            record=record_nothing if inner else self._make_recorder(role.name),
        )
        conversation = Conversation(chat.count_tokens, chat.context_tokens, messages)
        run = run_led_turn if team.is_led(role.model) else run_checked_turn
        with open_span("agent", agent=role.name, model=chat.name) as span:
            ended = await run(agent, conversation, own, spending)
            span.set(status=ended.status.value, steps=ended.steps)
        return ended

    async def _delegate(self, asker: Role, name: str, task: str, bench: Workbench, spending: Spending) -> str:
        """Have the role `name` do `task`, within its own limits and those of the turn; return its answer.

        If the delegate did not finish, the text says so and why.

        Raises:
            ToolFailed: there is no such role, `asker` may not ask it, or too many delegates were used.
        """
        role = self._team.roles.get(name)
        if role is None or role.name not in asker.may_ask:
            raise ToolFailed(f"You cannot delegate to {name!r}; you may ask: {', '.join(asker.may_ask) or 'nobody'}.")
        if spending.agents >= spending.limits.agents:
            raise ToolFailed(f"{spending.agents} delegates have worked in this turn, its limit; do the rest yourself.")
        spending.agents += 1
        bench.emit(AgentChosen(role.name, f"{asker.name} delegated to it"))
        lent = spending.copy_for_delegate(role.limits)
        try:
            ended = await self._run_role(role, [Message(Speaker.USER, task)], bench, lent, inner=True)
        finally:
            spending.take_counts(lent)
        bench.emit(AgentChosen(asker.name, f"{role.name} is done"))
        return ended.text if ended.status is TurnStatus.DONE else f"[{role.name} did not finish] {ended.text}"

    def _wrap_chat(self, chat: ChatModel, agent: str) -> ChatModel:
        """Return `chat` with its replies recorded, and told to the watcher as those to `agent`."""
        team, session = self._team, self._session
        watched = WatchedChat(
            TracedChat(chat, agent), agent, team.compute_cost, lambda asked: team.watch(session, asked)
        )
        return RecordedChat(watched, self._recorder)

    def forward_event(self, event: Event, emit: Emit) -> None:
        """Pass an event on to the client, and note the state: EXECUTING from a call's start to its end."""
        emit(event)
        if isinstance(event, CallStarted):
            self.set_state(SessionState.EXECUTING)
        elif isinstance(event, CallEnded):
            self.set_state(SessionState.PROCESSING)

    def set_state(self, state: SessionState) -> None:
        """Note the session's state, which the next record stores."""
        self._state = state

    def _make_recorder(self, agent: str) -> Callable[[Message], Any]:
        """Return a function that stores a message of `agent` or of a tool in the session, with changed notes."""

        async def record(message: Message) -> None:
            by = agent if message.speaker is Speaker.ASSISTANT else "tool"
            await self._record(self._state, transcript.make_entry(message, by), *self._take_changed_notes())

        return record

    def _take_changed_notes(self) -> list[Entry]:
        """Return the entry that stores the notes, and take them for stored; [] if they have not changed since."""
        dumped = self._notes.dump()
        if dumped == self._stored_notes:
            return []
        self._stored_notes = dumped
        return [Entry(EntryKind.NOTE, "starling", "", dumped)]

    async def store_state(self, state: SessionState) -> None:
        """Set the session's state and store it at once, with the plan and the facts if these have changed."""
        self._state = state
        await self._record(state, *self._take_changed_notes())

    async def _record(self, state: SessionState, *entries: Entry, releases: bool = False) -> None:
        """Set the session's state, and store it at once with `entries`; `releases` the lease with the last ones."""
        self._state = state
        store, owner = self._team.sessions.record, self._team.owner
        async with self._writing:
            await asyncio.to_thread(store, self._session, owner, state, entries, releases=releases)
            self._stored_state = state
