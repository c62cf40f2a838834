"""MCP servers for tests, with pools that end with the test."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.ports.mcp_servers import McpCall
from server.mcp_client.definitions import ServerDefinition
from server.mcp_client.pool import ServerPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

HERE = Path(__file__).parent
DEMO = HERE / "demo_server.py"
RAW = HERE / "raw_server.py"
WAIT_S = 20.0


def define_demo() -> ServerDefinition:
    """Return the definition of the demo server over stdio."""
    return ServerDefinition("demo", sys.executable, (str(DEMO),), about="For tests.", timeout_s=WAIT_S)


def define_raw(misdeed: str = "none", name: str = "raw", **changes: Any) -> ServerDefinition:
    """Return the definition of a server that misbehaves, or of a fast one that does not."""
    return ServerDefinition(name, sys.executable, (str(RAW), misdeed), **{"timeout_s": WAIT_S, **changes})


@contextlib.asynccontextmanager
async def open_pool(*definitions: ServerDefinition) -> AsyncIterator[ServerPool]:
    """Yield a pool of servers; end these after the block."""
    pool = ServerPool(definitions)
    try:
        yield pool
    finally:
        pool.close()


async def call(pool: ServerPool, tool: str, server: str = "raw", **arguments: Any) -> str:
    """Return the text of a call's result."""
    return (await pool.call(McpCall(server, tool, arguments))).text


@contextlib.contextmanager
def serve_demo() -> Iterator[str]:
    """Run the demo server with streamable HTTP on this machine; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(DEMO), str(port)])
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(WAIT_S)


def wait_for_port(port: int) -> None:
    """Wait until somebody listens at a port of this machine."""
    deadline = time.monotonic() + WAIT_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert time.monotonic() < deadline, "nobody listens"
        time.sleep(0.05)
