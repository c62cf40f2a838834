"""Serving one client over two file descriptors, until it leaves. Start at `serve`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from acp import AgentSideConnection

from server.acp.agent import StarlingAgent
from server.acp.stdio import LineTransport

if TYPE_CHECKING:
    from collections.abc import Callable


async def serve(reading: int, writing: int, stop: asyncio.Event, on_end: Callable[[], None]) -> None:
    """Serve the client at the descriptors `reading` and `writing` until it leaves or `stop` is set.

    Then calls `on_end`, cancels the running turns, and closes the sessions and the connection.
    """
    agent = StarlingAgent()
    # the package still counts closing and resuming sessions among what is unstable
    connection = AgentSideConnection(
        agent, LineTransport(reading, writing), listening=False, use_unstable_protocol=True
    )
    listening = asyncio.create_task(connection.listen())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((listening, stopping), return_when=asyncio.FIRST_COMPLETED)
    on_end()
    stopping.cancel()
    await agent.close()
    with contextlib.suppress(asyncio.CancelledError):
        listening.cancel()
        await listening
    await connection.close()
