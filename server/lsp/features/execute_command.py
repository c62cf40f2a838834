"""`workspace/executeCommand`: run one of the `starling.*` commands, with one JSON object as its argument."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from server.lsp import commands
from server.lsp.commands.answering.failures import CommandFailed

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


async def handle(snapshot: Snapshot, services: Services, params: types.ExecuteCommandParams) -> dict[str, Any]:
    """Run the command and return its result as JSON; raises as `commands.run`.

    On a server with accounts, raises CommandFailed if the account's role does not allow the command.
    """
    visit = services.get_visit()
    if visit is not None and (obstacle := visit.find_command_obstacle(params.command)):
        raise CommandFailed(obstacle, code="forbidden")
    snapshot = replace(snapshot, token=params.work_done_token)
    return await commands.run(params.command, params.arguments or [], snapshot, services)
