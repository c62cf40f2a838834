"""The check of `starling doctor` about the person's own MCP servers: each is started, and its tools are listed.

Start at `check_servers`.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from agents.ports.mcp_servers import McpFailed
from server.assembly.mcp_servers.server_settings import build_pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.assembly.mcp_servers.server_settings import McpSettings
    from server.mcp_client.pool import ServerPool


class ServerReport(NamedTuple):
    """The result of starting one server, as a check reports it.

    Attributes:
        state: "ok" if it starts and lists its tools.
        message: one sentence for a person.
        remedy: what to do; "" if nothing is wrong.
        facts: the same, for the output as JSON.
    """

    state: Literal["ok", "warning"]
    message: str
    remedy: str
    facts: dict[str, Any]


def check_servers(settings: McpSettings) -> Iterator[ServerReport]:
    """Start each server that agents may use and yield a report on it, or one that there is none; end all afterwards."""
    pool = build_pool(settings, Path.cwd())
    if pool is None:
        yield ServerReport("ok", "No MCP server is set up: agents use Starling's own tools.", "", {})
        return
    try:
        for one in pool.servers:
            yield asyncio.run(_check(pool, one.name))
    finally:
        pool.close()


async def _check(pool: ServerPool, name: str) -> ServerReport:
    """Start the server `name`; return a report with the number of its tools, or with the problem."""
    begun = time.monotonic()
    facts: dict[str, Any] = {"server": name}
    try:
        tools = await pool.list_tools(name)
    except McpFailed as error:
        return ServerReport("warning", str(error), f"`starling mcp check {name}` shows what it writes.", facts)
    seconds = round(time.monotonic() - begun, 3)
    facts |= {"tools": len(tools.tools), "seconds": seconds}
    return ServerReport("ok", f"The MCP server {name} has {len(tools.tools)} tools ({seconds:.1f} s).", "", facts)
