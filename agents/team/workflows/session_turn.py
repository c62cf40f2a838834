"""The turn of a session that a workflow answers. Start at `run_workflow_turn`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from agents.ports.sessions import Entry, EntryKind, SessionState
from agents.team import transcript
from agents.team.events import TurnEnded, TurnStatus
from agents.team.limits import Spending
from agents.team.permissions.modes import Mode
from agents.team.role_files import CAPABILITIES
from agents.team.shown_text import InertEvents
from agents.team.state_keeper import SessionStates, StateKeeper
from agents.team.toolset import Toolset
from agents.team.workflows.runner import open_state, run_workflow
from agents.team.workflows.stage import InnerWorkflows, Stage
from agents.team.workflows.test_files import TestFiles

if TYPE_CHECKING:
    from agents.team.events import Emit, Event
    from agents.team.limits import TurnLimits
    from agents.team.role_files import Role, Roles
    from agents.team.tool import TeamTool, Workbench
    from agents.team.workflows.runner import WorkflowRequest
    from agents.team.workflows.workflow_files import Workflows
    from models.chat import Message


class WorkflowSession(SessionStates, Protocol):
    """A session in which a workflow runs."""

    async def run_agent(self, role: Role, messages: list[Message], bench: Workbench, spending: Spending) -> TurnEnded:
        """Run one turn of an agent whose messages are not the session's."""
        ...

    async def record_step(self, entry: Entry) -> None:
        """Store an entry together with the notes."""
        ...

    def forward_event(self, event: Event, emit: Emit) -> None:
        """Pass an event on to the client, and set the session's state at the start and end of a call."""
        ...


class WorkflowTeam(Protocol):
    """The parts of a team that a workflow needs."""

    @property
    def workflows(self) -> Workflows:
        """All workflows."""
        ...

    @property
    def roles(self) -> Roles:
        """All roles."""
        ...

    @property
    def tools(self) -> tuple[TeamTool[Any], ...]:
        """All tools."""
        ...

    @property
    def limits(self) -> TurnLimits:
        """The person's limits of one turn."""
        ...


async def run_workflow_turn(
    wanted: WorkflowRequest, request: str, team: WorkflowTeam, bench: Workbench, session: WorkflowSession
) -> TurnEnded:
    """Have a workflow do `request`, or go on with the one that is open in the session; return how the turn ended.

    FAILED if there is no such workflow, or in plan mode. `bench` is the workbench of the turn, with the session's
    notes, in which the state of the workflow is set.
    """
    workflow = team.workflows.get(wanted.name)
    if workflow is None:
        names = ", ".join(team.workflows.by_name) or "none"
        return TurnEnded(TurnStatus.FAILED, f"There is no workflow {wanted.name!r}; there are: {names}.")
    if bench.mode is Mode.PLAN:
        return TurnEnded(TurnStatus.FAILED, "A workflow changes files; start it where agents may change files.")
    state = open_state(workflow, bench.notes.workflow, request, repeats=wanted.repeats)
    bench.notes.workflow = state

    waiting, shown = StateKeeper(session, bench.changes, bench.permissions, bench.person), InertEvents(bench.emit)
    own = replace(
        bench,
        agent=workflow.name,
        emit=lambda event: session.forward_event(event, shown.emit),
        loaded=set(CAPABILITIES),
        changes=waiting,
        permissions=waiting,
    )
    stage = Stage(
        state,
        TestFiles(workflow.content.test_files),
        own,
        Toolset(team.tools),
        team.roles,
        team.limits,
        Spending(workflow.content.limits.make_turn_limits(team.limits)),
        session.run_agent,
        bench.emit,
        lambda: session.store_state(SessionState.PROCESSING),
        wanted.commits,
        InnerWorkflows(team.workflows.get, run_workflow, session.record_step),
    )
    await stage.save()
    try:
        ended = await run_workflow(workflow, stage, session.record_step)
    finally:
        bench.permissions.end_task(bench.task)
    if ended.status is TurnStatus.DONE:
        await session.record_step(Entry(EntryKind.AGENT, workflow.name, transcript.hide_secrets(ended.text)))
    return ended
