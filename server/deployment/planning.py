"""Plans of actions on a target: the commands by the kind of the target, and the text for the person.

Start at `make_plan`.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.ports.commands import CommandRequest
from agents.ports.deployments import Action, DeploymentRecord, DeploymentState, DeploymentUnavailable, Plan
from server.deployment import pushes, releases
from server.deployment.command_steps import CommandStep, describe_steps, make_own_steps, make_remote_steps
from server.deployment.readiness import format_checks
from server.deployment.targets import RELEASES, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.deployment.readiness import Facts
    from server.deployment.targets import TargetDefinition
    from server.gate.commands.runner import ConfinedRunner

_DOCKER = "Docker can change anything on this machine, and does what the files of the commit say."
_REMOTE = "If a command is stopped, what it has started on the other machine may go on."


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with its commands.

    Attributes:
        plan: the plan.
        steps: the commands, in order.
        identity: id of the record that the run begins.
        undone: the record that a rollback takes back; None for other actions.
        branch: the branch that was checked out.
    """

    plan: Plan
    steps: tuple[CommandStep, ...]
    identity: str
    undone: DeploymentRecord | None = None
    branch: str = ""


def make_plan(  # noqa: PLR0913 (each is a part of the plan)
    action: Action,
    target: TargetDefinition,
    facts: Facts,
    runner: ConfinedRunner,
    *,
    test_line: str = "",
    records: Sequence[DeploymentRecord] = (),
) -> Prepared:
    """Return the plan of an action, with its commands; runs nothing.

    Args:
        action: the action.
        target: the target.
        facts: facts about workspace and target.
        runner: says how commands are confined.
        test_line: command line of the tests, "" for none.
        records: the recorded deployments to the target, newest first.

    Raises:
        DeploymentUnavailable: there is nothing to roll back, or no way to do it.
    """
    identity = make_identity(facts.version)
    undone = find_last_deployment(records) if action is Action.ROLL_BACK else None
    match action:
        case Action.CHECK:
            # where something is missing, nothing needs to be run to say that the target is not ready
            steps = [] if facts.problems else _plan_checks(target, test_line)
            title = f"Check whether {target.name} is ready"
        case Action.DEPLOY:
            steps, title = _plan_deployment(target, facts, identity), f"Deploy {facts.version[:7]} to {target.name}"
        case Action.STATUS:
            steps, title = _plan_status(target), f"Look at the status of {target.name}"
        case Action.ROLL_BACK:
            assert undone is not None  # noqa: S101 (by the line above)
            steps = _plan_rollback(target, undone, identity, facts.objects)
            title = f"Roll back {undone.version[:7]} on {target.name}"
    text = _describe(target, facts, steps, undone, shows_checks=action in {Action.CHECK, Action.DEPLOY})
    plan = Plan(
        action, target.name, title, text, tuple(one.line for one in steps),
        facts.version, facts.checks,
    )  # fmt: skip
    request = CommandRequest(
        "",
        target.workspace,
        network=any(one.network for one in steps),
        credentials=any(one.credentials for one in steps),
        writes=any(one.writes for one in steps),
    )
    plan = replace(plan, isolation=runner.find_isolation(request)) if steps else plan
    return Prepared(plan, tuple(steps), identity, undone, facts.branch)


def make_identity(version: str) -> str:
    """Return the id of a new deployment: its time, its commit and a few random digits."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{version[:7]}-{uuid.uuid4().hex[:6]}"


def find_last_deployment(records: Sequence[DeploymentRecord]) -> DeploymentRecord:
    """Return the first deployment in `records` that has ended and was not rolled back.

    Raises:
        DeploymentUnavailable: there is none.
    """
    kept = {DeploymentState.DONE, DeploymentState.FAILED, DeploymentState.UNFINISHED}
    for record in records:
        if record.action == Action.DEPLOY and record.state in kept:
            return record
    raise DeploymentUnavailable("There is no deployment to roll back; `starling deploy` lists what was deployed.")


def _plan_checks(target: TargetDefinition, test_line: str) -> list[CommandStep]:
    """Return the commands that check whether a target is ready."""
    tests = [CommandStep("The tests pass", test_line, writes=True, timeout_s=3600)] if test_line else []
    if target.kind is Kind.PUSH:
        reach = [pushes.plan_lookup(target)]
    else:
        reach = releases.plan_checks(target) if target.kind in RELEASES else []
    return [*tests, *reach, *make_own_steps(target, "Your own check", target.ready)]


def _plan_deployment(target: TargetDefinition, facts: Facts, identity: str) -> list[CommandStep]:
    """Return the commands that deploy the commit."""
    if target.kind is Kind.PUSH:
        return pushes.plan_deployment(target, facts.version, facts.objects)
    if target.kind in RELEASES:
        return releases.plan_deployment(target, facts.version, identity)
    return make_own_steps(target, "Deploy", target.commands)


def _plan_status(target: TargetDefinition) -> list[CommandStep]:
    """Return the commands that show the status; [] where the target has none."""
    if target.kind is Kind.PUSH:
        return pushes.plan_status(target)
    return releases.plan_status(target) if target.kind in RELEASES else make_own_steps(target, "Status", target.status)


def _plan_rollback(
    target: TargetDefinition, undone: DeploymentRecord, identity: str, objects: str
) -> list[CommandStep]:
    """Return the commands that take a deployment back: the person's own, or those of the kind.

    Raises:
        DeploymentUnavailable: the kind has no way of its own, or nothing ran before.
    """
    if target.rollback:
        if target.kind is Kind.SSH:
            return make_remote_steps(target, "Roll back", target.rollback, target.path)
        return make_own_steps(target, "Roll back", target.rollback, target.path if target.kind in RELEASES else "")
    if target.kind is Kind.COMMANDS:
        raise DeploymentUnavailable(
            f"The target {target.name} has no `rollback` commands; add them to your settings, or deploy an earlier "
            "commit."
        )
    if not undone.previous:
        raise DeploymentUnavailable(
            f"Nothing is known to have run at {target.name} before {undone.version[:7]}, so there is nothing to roll "
            "back to."
        )
    if target.kind is Kind.PUSH:
        return pushes.plan_rollback(target, undone.version, undone.previous, objects)
    return releases.plan_rollback(target, undone.id, undone.previous, identity)


def _describe(
    target: TargetDefinition,
    facts: Facts,
    steps: Sequence[CommandStep],
    undone: DeploymentRecord | None,
    *,
    shows_checks: bool,
) -> str:
    """Return the text of a plan for the person."""
    on = f" (branch {facts.branch})" if facts.branch else ""
    version = f"{facts.version[:12]}{on}: {facts.subject}" if undone is None else undone.version[:12]
    warnings = [_DOCKER] if any(one.docker for one in steps) else []
    warnings += [_REMOTE] if any(one.where for one in steps) else []
    head = (
        f"Target: {target.name} ({target.kind}, {target.place})",
        f"{'Commit' if undone is None else 'Commit that is taken back'}: {version}",
        *(f"Secret {name}: from {_describe_reference(reference)}" for name, reference in target.env.items()),
        *warnings,
    )
    table = f"\n{format_checks(facts.checks)}\n" if shows_checks else ""
    return "\n".join((*head, table, describe_steps(steps, tuple(target.env)) or "No command is run."))


def _describe_reference(reference: str) -> str:
    """Return a reference to a secret in words for the person: its kind and its place."""
    kind, _, place = reference.partition(":")
    return f"the {kind} {place}"
