"""The user at the other end of a Unix socket, as the kernel reports it.

Linux reports it by `SO_PEERCRED`, macOS and FreeBSD by `LOCAL_PEERCRED`. Start at `describe_foreign_peer`.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpcore2

LINUX_PEER = struct.Struct("3i")  # process, user, group
XUCRED_BYTES = 76  # version, user, number of groups, groups
XUCRED_HEAD = struct.Struct("2I")
SOL_LOCAL = 0
NOBODY = -1  # user id of a connection that was never accepted


class Connected(Protocol):
    """A connected socket, or asyncio's wrapper of one."""

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        """Return an option of the socket."""
        ...


def is_unix_socket(connection: socket.socket) -> bool:
    """Return whether `connection` goes through a Unix socket."""
    return connection.family == getattr(socket, "AF_UNIX", None)


def read_peer_uid(connection: Connected) -> int | None:
    """Return the user id of the other end; None if the system does not report it.

    Raises:
        OSError: the connection is closed.
    """
    platform: str = sys.platform
    if platform == "linux":
        return int(LINUX_PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, LINUX_PEER.size))[1])
    if platform == "darwin" or platform.startswith("freebsd"):
        option = getattr(socket, "LOCAL_PEERCRED", 1)
        return int(XUCRED_HEAD.unpack_from(connection.getsockopt(SOL_LOCAL, option, XUCRED_BYTES))[1])
    return None


def describe_foreign_peer(connection: Connected) -> str:
    """Return the user at the other end ("user 1001"), or "a process that has ended"; "" if it is this user.

    Also return "" if the system does not report the user: then only the permissions of the socket's folder keep others
    out.
    """
    try:
        uid = read_peer_uid(connection)
    except (OSError, struct.error):
        return "a process that has ended"
    if uid == NOBODY:
        return "a process that has ended"
    return "" if uid is None or uid == os.getuid() else f"user {uid}"


def restrict_to_own_sockets(backend: httpcore2.AsyncNetworkBackend) -> httpcore2.AsyncNetworkBackend:
    """Return a backend that connects to Unix sockets by `backend`, unless another user listens there.

    Then it raises ConnectError before a byte is sent. It cannot connect over TCP.
    """
    import httpcore2  # noqa: PLC0415 (with the first connection)

    class OwnSockets(httpcore2.AsyncNetworkBackend):
        async def connect_unix_socket(
            self,
            path: str,
            timeout: float | None = None,  # noqa: ASYNC109 (the interface of httpcore2)
            socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
        ) -> httpcore2.AsyncNetworkStream:
            stream = await backend.connect_unix_socket(path, timeout, socket_options)
            if foreigner := describe_foreign_peer(stream.get_extra_info("socket")):
                await stream.aclose()
                raise httpcore2.ConnectError(f"{foreigner} listens there instead of you")
            return stream

        async def sleep(self, seconds: float) -> None:
            await backend.sleep(seconds)

    return OwnSockets()
