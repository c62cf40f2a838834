"""An MCP server for tests, a real one by the package: over stdio, or with a port over streamable HTTP.

python demo_server.py [PORT]
"""

from __future__ import annotations

import sys
from typing import Any

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("Demo", version="1.0", log_level="CRITICAL")


@server.tool()
def add(first: int, second: int = 1) -> int:
    """Add two numbers."""
    return first + second


@server.tool()
def echo(text: str) -> str:
    """Return a text."""
    return text


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("it does not work")


@server.tool()
def grow(size: int) -> str:
    """Return a long text."""
    return "x" * size


@server.tool()
async def learn(context: Context[Any]) -> str:
    """Get another tool, and say so."""

    @server.tool(name="learned")
    def say_hello() -> str:
        """Say hello."""
        return "hello"

    await context.notify_tools_changed()
    return "done"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run()
