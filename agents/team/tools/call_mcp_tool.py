"""The tool `call_mcp_tool`: calls a tool of one of the person's MCP servers, after a question or by a person's rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from agents.ports.mcp_servers import McpCall, McpFailed
from agents.team.failure import ToolFailed
from agents.team.schema_check import find_problem
from agents.team.shown_text import escape_invisible, escape_to_line
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.team.tools.list_mcp_tools import CAPABILITY, find_tool, mark_foreign, require_servers
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench

LONGEST_CALL_S = 600


def _parse_object(value: Any) -> Any:  # noqa: ANN401 (anything that a model wrote)
    """Return the JSON value in a string, because small models write objects as strings; anything else unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


class CallMcpTool(Arguments):
    """Arguments of `call_mcp_tool`."""

    server: str = Field(min_length=1, max_length=100, description="Name of the server.")
    tool: str = Field(min_length=1, max_length=200, description="Name of its tool.")
    arguments: Annotated[dict[str, Any], BeforeValidator(_parse_object)] = Field(
        default_factory=dict, description="Arguments of that tool, an object as its schema says."
    )


async def check(given: CallMcpTool, bench: Workbench) -> None:
    """Compare the arguments with the tool's schema, before anybody is asked; start the server if it does not run.

    Raises:
        ToolFailed: the server cannot be reached, there is no such tool, it cannot be called, or the arguments do not
            fit.
    """
    tool = await find_tool(given.server, given.tool, bench)
    if problem := find_problem(given.arguments, tool.schema):
        raise ToolFailed(
            f"The arguments do not fit {tool.name}: {escape_to_line(problem)}. list_mcp_tools with `tool` shows the "
            "schema."
        )


async def run(given: CallMcpTool, bench: Workbench) -> ToolResult:
    """Call the tool, and return its result, marked as the server's; a failed one if the tool says that it failed.

    Raises:
        ToolFailed: the server cannot be reached, or the call cannot be made.
    """
    try:
        result = await require_servers(bench).call(make_call(given), cancelled=bench.cancelled)
    except McpFailed as error:
        raise ToolFailed(str(error)) from error
    return ToolResult(mark_foreign(given.server, escape_invisible(result.text)), failed=result.failed)


def make_call(given: CallMcpTool) -> McpCall:
    """Return the call of the server's tool; does not make it."""
    return McpCall(given.server, given.tool, given.arguments)


TOOL = TeamTool(
    Tool("call_mcp_tool", Risk.CRITICAL),
    "Call a tool of one of the person's MCP servers; list_mcp_tools shows names and arguments. The person is asked.",
    CallMcpTool,
    run,
    lambda given: f"Call {given.tool} of the MCP server {given.server}",
    check=check,
    get_mcp_call=make_call,
    capabilities=(CAPABILITY,),
    timeout_s=LONGEST_CALL_S + 90,
)
