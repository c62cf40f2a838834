"""`workspace/executeCommand`: one of our commands, by name, with one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server import commands

if TYPE_CHECKING:
    from lsprotocol import types

    from server.session import Snapshot


async def handle(snapshot: Snapshot, params: types.ExecuteCommandParams) -> dict[str, Any]:
    """Run it."""
    return await commands.run(params.command, params.arguments or [], snapshot, params.work_done_token)
