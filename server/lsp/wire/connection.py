"""The interface between the protocol and the server for one connection. Start at `Connection`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pygls.lsp.server import LanguageServer

if TYPE_CHECKING:
    import asyncio

    from server.lsp.wire.guard import Guard


class GuardedSession(Protocol):
    """The part of a session that the protocol uses: the guard, and closing at the end."""

    guard: Guard

    async def close(self) -> None:
        """Stop all services of the connection."""
        ...


class Connection(LanguageServer):
    """A language server for one connection."""

    session: GuardedSession
    exit_status: asyncio.Future[int] | None = None
    """Done with the process's exit status once the connection ends; None until the connection is served."""

    def stop(self, status: int) -> None:
        """End the connection with the exit status `status`; do nothing if it has ended or is not served yet."""
        if self.exit_status is not None and not self.exit_status.done():
            self.exit_status.set_result(status)
