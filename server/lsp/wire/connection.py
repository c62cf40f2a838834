"""What the protocol asks of a server for one connection. Start at `Connection`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pygls.lsp.server import LanguageServer

if TYPE_CHECKING:
    from server.lsp.wire.guard import Guard


class Closing(Protocol):
    """What is guarded while the connection lasts, and closed at its end."""

    guard: Guard

    async def close(self) -> None:
        """Close what the connection holds."""
        ...


class Connection(LanguageServer):
    """A server for one connection."""

    session: Closing

    def stop(self, status: int) -> None:
        """End the connection with the exit status `status`."""
        raise NotImplementedError
