"""The tool `need`: loads a capability set, that is a group of tools, when an agent needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.failure import ToolFailed
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.team.tools.list_mcp_tools import CAPABILITY, list_servers
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class Need(Arguments):
    """Arguments of `need`."""

    capability: str = Field(description="Name of the capability set.")


async def run(given: Need, bench: Workbench) -> ToolResult:
    """Load the capability set, and return a sentence that its tools are there; for `mcp`, with the servers, too.

    Raises:
        ToolFailed: the agent's role may not have it.
    """
    if given.capability not in bench.capabilities:
        allowed = ", ".join(bench.capabilities) or "none"
        raise ToolFailed(f"Your role has no capability set {given.capability!r}; it has: {allowed}.")
    bench.loaded.add(given.capability)
    text = f"The tools of {given.capability} are there now."
    if given.capability == CAPABILITY and bench.servers is not None:
        text = f"{text}\n{list_servers(bench.servers)}"
    return ToolResult(text)


TOOL = TeamTool(
    Tool("need", Risk.LOW),
    "Load a capability set, which brings more tools: engineering, diagnose, deploy, infrastructure, "
    "project_management, admin, mcp.",
    Need,
    run,
    lambda given: f"Load {given.capability}",
)
