"""Deployments of the workspace to the person's own targets. Start at `Deployments`.

A target, its commands and its secrets stand in the person's settings: agents name a target and an action, nothing else.
`server.deployment` implements the port.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.ports.commands import Isolation
    from agents.ports.permissions import Cancelled


class Action(StrEnum):
    """An action on a target."""

    CHECK = "check"
    DEPLOY = "deploy"
    STATUS = "status"
    ROLL_BACK = "roll_back"


class DeploymentState(StrEnum):
    """The state of a recorded deployment."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNFINISHED = "unfinished"  # its process ended before it did
    ROLLED_BACK = "rolled back"  # a later rollback has taken it back


@dataclass(frozen=True, slots=True)
class Target:
    """A target as agents and the person see it.

    Attributes:
        name: its name in the settings.
        kind: "push", "commands", "directory", "compose" or "ssh".
        place: where it is: a folder, a host with a folder, or an address.
        branch: the branch that has to be checked out; "" for any.
        secrets: names of the variables that hold its secrets.
    """

    name: str
    kind: str
    place: str
    branch: str = ""
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One readiness check: what was checked, whether it holds, and a few words."""

    title: str
    passed: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """An action on a target, as far as it is known before it runs.

    Attributes:
        action: the action.
        target: name of the target.
        title: an imperative of a few words ("Deploy 1a2b3c4 to prod").
        text: exactly what runs, where, with which rights and which names of secrets, for the person.
        commands: the command lines; () if nothing has to be run.
        version: id of the commit.
        checks: readiness checks that were made without running anything.
        isolation: the confinement of its commands, None if there are none.
    """

    action: Action
    target: str
    title: str
    text: str
    commands: tuple[str, ...] = ()
    version: str = ""
    checks: tuple[Check, ...] = ()
    isolation: Isolation | None = None


@dataclass(frozen=True, slots=True)
class DeploymentOutcome:
    """The outcome of an action.

    Attributes:
        succeeded: whether it achieved what it should.
        text: what happened, with the end of the output; without secrets.
        checks: all readiness checks, for the action CHECK.
    """

    succeeded: bool
    text: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """One recorded deployment or rollback. Times are seconds since the epoch.

    Attributes:
        id: its id, also the name of its release.
        workspace: the workspace folder.
        target: name of the target.
        action: DEPLOY or ROLL_BACK.
        version: id of the commit.
        previous: what ran at the target before: the name of a release, or the id of a commit; "" for nothing.
        state: its state.
        begun: when it began.
        ended: when it ended, 0 before that.
        owner: the process that runs it.
        text: what happened.
    """

    id: str
    workspace: str
    target: str
    action: str
    version: str
    previous: str
    state: str
    begun: float
    ended: float
    owner: str
    text: str


class DeploymentUnavailable(Exception):  # noqa: N818 (the answer to a person, not a bug)
    """The action cannot be planned or begun; the message is a sentence with the next step."""


class Deployments(Protocol):
    """Plans and runs actions on the targets of one workspace; asks nobody, so permission comes between both."""

    def list_targets(self) -> tuple[Target, ...]:
        """Return the person's targets for this workspace."""
        ...

    async def plan(self, action: Action, target: str) -> Plan:
        """Return the plan of an action; runs nothing but git, which only reads.

        Raises:
            DeploymentUnavailable: there is no such target, or the action is impossible now.
        """
        ...

    async def run(self, plan: Plan, *, cancelled: Cancelled | None = None) -> DeploymentOutcome:
        """Run a permitted plan, exactly as it was shown; a command that fails is no error.

        Raises:
            DeploymentUnavailable: what the plan was made from has changed, a secret is missing, or another deployment
                to the target runs.
        """
        ...

    def list_records(self, target: str = "", limit: int = 20) -> tuple[DeploymentRecord, ...]:
        """Return up to `limit` recorded deployments, newest first; of one target, if given. Blocking."""
        ...


class DeploymentRecords(Protocol):
    """The stored records of deployments. Blocking; every method raises `agents.ports.failures.StateError`."""

    def begin(self, record: DeploymentRecord) -> bool:
        """Store a record that is RUNNING; return False, and store nothing, if another one of its target runs.

        Records of processes that have ended become UNFINISHED first.
        """
        ...

    def note_previous(self, identity: str, previous: str) -> None:
        """Store what ran at the target before the deployment `identity`."""
        ...

    def end(self, identity: str, state: DeploymentState, text: str, *, rolled_back: str = "") -> None:
        """Store how a deployment ended; the one with the id `rolled_back` becomes ROLLED_BACK."""
        ...

    def list_newest(self, workspace: str, target: str, limit: int) -> Sequence[DeploymentRecord]:
        """Return up to `limit` records of a workspace, newest first; only those of `target`, unless that is ""."""
        ...
