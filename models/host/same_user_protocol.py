"""HTTP over the host's socket, for clients of the same user only.

Connections of other users are closed before a byte is read. Start at `SameUserProtocol`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

from models.host.peers import describe_foreign_peer, is_unix_socket

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger(__name__)


class SameUserProtocol(H11Protocol):
    """HTTP protocol that rejects Unix-socket connections of other users; over TCP, the token is checked later."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or abort it if its peer is another user."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and is_unix_socket(connection) and (who := describe_foreign_peer(connection)):
            logger.warning("The model host refused a connection of %s.", who)
            transport.abort()
