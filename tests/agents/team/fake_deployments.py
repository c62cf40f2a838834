"""A double of the deployments, for tests of tools, gate and workflows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.ports.commands import Isolation
from agents.ports.deployments import (
    Action,
    DeploymentOutcome,
    DeploymentRecord,
    DeploymentState,
    DeploymentUnavailable,
    Plan,
    Target,
)

if TYPE_CHECKING:
    from agents.ports.permissions import Cancelled

TEXT = "Target: prod (ssh, host:/srv/app)\n1. Copy it: on host\n     ssh host 'tar -xf -'\u202e"


@dataclass
class FakeDeployments:
    """Plans and runs every action at once, and remembers what ran.

    Attributes:
        succeeds: whether a run succeeds.
        commands: the commands of each plan.
        ran: the actions that were run.
    """

    succeeds: bool = True
    commands: tuple[str, ...] = ("ssh host true",)
    ran: list[Action] = field(default_factory=list)

    def list_targets(self) -> tuple[Target, ...]:
        """Return one target."""
        return (Target("prod", "ssh", "host:/srv/app", "main", ("TOKEN",)),)

    async def plan(self, action: Action, target: str) -> Plan:
        """Return a plan for that target."""
        if target != "prod":
            raise DeploymentUnavailable(f"There is no target {target!r} for this workspace; there are: prod.")
        return Plan(action, target, f"{action} on prod", TEXT, self.commands, isolation=Isolation())

    async def run(self, plan: Plan, *, cancelled: Cancelled | None = None) -> DeploymentOutcome:
        """Remember the action."""
        del cancelled
        self.ran.append(plan.action)
        return DeploymentOutcome(self.succeeds, "what happened")

    def list_records(self, target: str = "", limit: int = 20) -> tuple[DeploymentRecord, ...]:
        """Return one record."""
        del limit
        state, now = DeploymentState.DONE, time.time()
        return (DeploymentRecord("i", "/w", target or "prod", "deploy", "1a2b3c4d", "", state, now, now, "o", "t"),)
