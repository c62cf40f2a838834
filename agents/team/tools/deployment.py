"""The tools of deployments: the targets, whether one is ready, a deployment, its status, and the way back.

What a target is, and what runs, stands in the person's own settings: an agent names a target and nothing else. No
result has a secret.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from pydantic import Field

from agents import tools
from agents.ports.deployments import Action, DeploymentUnavailable
from agents.ports.failures import StateError
from agents.team.failure import ToolFailed
from agents.team.tool import NO_TARGETS, Arguments, TeamTool, ToolResult
from agents.team.tools.deployment_means import find_means, format_means
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.ports.deployments import DeploymentRecord
    from agents.team.tool import Workbench

LONGEST_S = 6 * 3600.0
CAPABILITIES = ("deploy",)
_SHOWN_RECORDS = 5


class ListTargets(Arguments):
    """Arguments of `list_targets`: none."""


class OnTarget(Arguments):
    """Arguments of a tool that acts on a target."""

    target: str = Field(min_length=1, max_length=40, description="Name of the target, as list_targets shows it.")


async def list_targets(_: ListTargets, bench: Workbench) -> ToolResult:
    """Return the person's targets, the last deployments, and what the workspace has for deployments.

    Raises:
        ToolFailed: the records cannot be read.
    """
    means = format_means(await asyncio.to_thread(lambda: find_means(bench.list_files(), bench.roots)))
    if bench.deployments is None:
        return ToolResult(f"{NO_TARGETS}\n\n{means}")
    try:
        records = await asyncio.to_thread(bench.deployments.list_records, "", _SHOWN_RECORDS)
    except StateError as error:
        raise ToolFailed(str(error)) from error
    targets = [
        f"- {one.name}: {one.kind}, {one.place}{f', only from the branch {one.branch}' if one.branch else ''}"
        for one in bench.deployments.list_targets()
    ]
    done = [f"- {format_record(one)}" for one in records] or ["- none"]
    return ToolResult("\n".join(("Targets:", *targets, "", "Last deployments:", *done, "", means)))


def format_record(record: DeploymentRecord) -> str:
    """Return a recorded deployment as one line."""
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.begun))
    what = "rollback" if record.action == Action.ROLL_BACK else "deployment"
    return f"{begun} {record.target}: {what} of {record.version[:7]}, {record.state}"


async def run_plan(_: OnTarget, bench: Workbench) -> ToolResult:
    """Run the permitted plan of the workbench; return what happened, as a failed result if it did not succeed.

    Raises:
        ToolFailed: there is no plan, or it cannot begin.
    """
    if bench.deployments is None or bench.plan is None:
        raise ToolFailed(NO_TARGETS)
    try:
        outcome = await bench.deployments.run(bench.plan, cancelled=bench.cancelled)
    except DeploymentUnavailable as error:
        raise ToolFailed(str(error)) from error
    return ToolResult(outcome.text, failed=not outcome.succeeded)


TOOL_OF_ACTION = {
    Action.CHECK: Tool("check_target", Risk.CRITICAL),
    Action.DEPLOY: tools.DEPLOY,
    Action.STATUS: Tool("deploy_status", Risk.CRITICAL),
    Action.ROLL_BACK: tools.ROLL_BACK,
}
"""The tool of each action, as the gate knows it."""


def _make_tool(action: Action, description: str, describe: Callable[[OnTarget], str]) -> TeamTool[OnTarget]:
    """Return the tool for one action on a target."""
    return TeamTool(
        TOOL_OF_ACTION[action],
        description,
        OnTarget,
        run_plan,
        describe,
        get_action=lambda given: (action, given.target),
        capabilities=CAPABILITIES,
        timeout_s=LONGEST_S,
    )


LIST = TeamTool(
    Tool("list_targets", Risk.LOW),
    "List the person's targets of deployments, the last deployments, and what the workspace has for deployments.",
    ListTargets,
    list_targets,
    lambda _: "List the targets of deployments",
    capabilities=CAPABILITIES,
)
CHECK = _make_tool(
    Action.CHECK,
    "Check whether a target is ready for the present commit: everything committed, tests, programs, reachable. Needed "
    "before deploy.",
    lambda given: f"Check whether {given.target} is ready",
)
DEPLOY = _make_tool(
    Action.DEPLOY,
    "Deploy the present commit to a target, by the commands of the person's settings.",
    lambda given: f"Deploy to {given.target}",
)
STATUS = _make_tool(
    Action.STATUS,
    "See what runs at a target.",
    lambda given: f"Look at the status of {given.target}",
)
ROLL_BACK = _make_tool(
    Action.ROLL_BACK,
    "Take the last deployment to a target back.",
    lambda given: f"Roll back {given.target}",
)
