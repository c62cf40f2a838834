"""`starling.cancel`: cancel the request that runs in a session with the team; the session can be used afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from server.lsp.commands.answering.command_records import CommandRecord

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """The session."""

    session: str = Field(min_length=1, max_length=100, description="The whole id of the session.")


class Result(CommandRecord):
    """The outcome of the cancellation."""

    cancelled: bool = Field(description="Whether a request of this connection was running in the session.")


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Cancel the request that runs in the session; `starling.ask` then returns the status "cancelled".

    `cancelled` in the result is False if no request of this connection was running.
    """
    return Result(cancelled=services.get_team().cancel(arguments.session))
