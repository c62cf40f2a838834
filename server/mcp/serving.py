"""Serving one client over stdin and stdout, until it leaves. Start at `serve`."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from mcp.server import Server
from mcp.server.stdio import stdio_server

from agents.team.permissions.modes import Mode
from server.assembly.gates import make_disk_gate, open_state
from server.assembly.team import Client, build_team
from server.assembly.workspaces import Workspaces
from server.mcp.descriptions import INSTRUCTIONS
from server.mcp.reading import NobodyToAsk, ToolReader
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def serve(root: Path, on_end: Callable[[], None]) -> None:
    """Serve the workspace `root` to the client at stdin and stdout until it leaves; call `on_end` before closing."""
    workspaces, state = Workspaces(), open_state()
    workspace = await workspaces.open((root,))
    gate = make_disk_gate([root], NobodyToAsk(), workspace.core.index_limits, client="mcp")
    try:
        build = functools.partial(build_team, workspace.core, workspace.files, gate, state, Client("mcp", Mode.PLAN))
        reader = ToolReader((await asyncio.to_thread(build)).bench)
        server = _make_server(reader)
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
            on_end()
    finally:
        await gate.close()
        await workspaces.close()
        state.close()


def _make_server(reader: ToolReader) -> Server[Any]:
    """Return an MCP server that lists and calls the tools of `reader`."""

    async def list_tools(_: object, __: object) -> Any:  # noqa: ANN401 (untyped where the extra is missing)
        """Return the tools of `reader`."""
        return reader.list_tools()

    async def call_tool(_: object, params: Any) -> Any:  # noqa: ANN401 (as above)
        """Return the result of a call."""
        return await reader.call(params.name, params.arguments or {})

    return Server(
        "starling",
        version=VERSION,
        title="Starling",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
