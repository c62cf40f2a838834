"""`starling acp`: the team of agents for an editor that speaks the Agent Client Protocol. Start at `acp`."""

from __future__ import annotations

import asyncio
import sys

from server.cli import terminal


def acp() -> None:
    """Serve the agents to an editor over ACP (stdio)."""
    from server.acp import serving  # noqa: PLC0415 (half a second, mostly for the protocol's types)
    from server.lsp.serving import lifetime  # noqa: PLC0415 (`--help` starts without)
    from server.lsp.wire import streams  # noqa: PLC0415

    if sys.stdin is not None and sys.stdin.isatty():
        terminal.note("This is an agent that an editor starts; in a terminal, use `starling ask` or `starling do`.")
    reading, writing = streams.claim_stdio()

    async def serve() -> None:
        """Serve until the client leaves or a signal comes."""
        stop = asyncio.Event()
        lifetime.call_on_signals(stop.set)
        await serving.serve(reading, writing, stop, lifetime.set_deadline)

    asyncio.run(serve())
    lifetime.end(0)
