"""The state of a session while its person is asked: WAITING. Start at `StateKeeper`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agents.ports.sessions import SessionState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.edits import ProposedEdit
    from agents.ports.changes import ChangeOutcome, Changes
    from agents.ports.permissions import Cancelled, Permission, Permissions, ToolCall
    from agents.ports.person import Person, PlanAnswer, PlanQuestion


class SessionStates(Protocol):
    """A session whose state can be set."""

    async def store_state(self, state: SessionState) -> None:
        """Set the state and store it at once, with the plan and the facts."""
        ...

    def set_state(self, state: SessionState) -> None:
        """Note the state, which the next record stores."""
        ...


@dataclass(frozen=True, slots=True)
class StateKeeper:
    """Changes, permissions and a person, which set the session's state to WAITING while the person is asked."""

    session: SessionStates
    changes: Changes
    permissions: Permissions
    person: Person | None
    before: SessionState = field(default=SessionState.EXECUTING)

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> ChangeOutcome:
        """Propose an edit, with the session set to WAITING meanwhile; see `Changes.propose`."""
        await self.session.store_state(SessionState.WAITING)
        try:
            return await self.changes.propose(proposal, task=task, rule=rule, cancelled=cancelled)
        finally:
            self.session.set_state(self.before)

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> ChangeOutcome:
        """Propose to undo a change, with the session set to WAITING meanwhile; see `Changes.undo`."""
        await self.session.store_state(SessionState.WAITING)
        try:
            return await self.changes.undo(checkpoint, cancelled=cancelled)
        finally:
            self.session.set_state(self.before)

    async def permit(self, call: ToolCall, *, cancelled: Cancelled | None = None) -> Permission:
        """Ask for permission, with the session set to WAITING meanwhile; see `Permissions.permit`."""
        await self.session.store_state(SessionState.WAITING)
        try:
            return await self.permissions.permit(call, cancelled=cancelled)
        finally:
            self.session.set_state(self.before)

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Ask the person, with the session set to WAITING meanwhile; None without a person. See `Person.ask`."""
        if self.person is None:
            return None
        await self.session.store_state(SessionState.WAITING)
        try:
            return await self.person.ask(question, choices)
        finally:
            self.session.set_state(self.before)

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:
        """Ask about a plan, with the session set to WAITING meanwhile; None without a person or an answer."""
        if self.person is None:
            return None
        await self.session.store_state(SessionState.WAITING)
        try:
            return await self.person.confirm_plan(question)
        finally:
            self.session.set_state(self.before)

    def end_task(self, task: str) -> None:
        """Forget what was allowed for the rest of `task`."""
        self.permissions.end_task(task)
