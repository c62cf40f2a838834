"""The language server's side: listens for agents' processes of the same user, and answers one request of each.

Only this user can connect: the socket lies in a private folder, the kernel is asked for the peer's user, and the peer
has to know the secret of the announcement. Start at `PairingServer.start`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from models.host.address import HAS_SOCKETS
from models.host.peers import describe_foreign_peer, is_unix_socket
from server.pairing import announcements, channel
from server.pairing.announcements import Announcement
from starling_files import FILE_MODE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

logger = logging.getLogger(__name__)

HANDSHAKE_S = 5.0
MOST_CONNECTIONS = 16


class OfferedEditor(Protocol):
    """The editor that a language server serves. Called on the event loop."""

    @property
    def name(self) -> str:
        """Name and version of the editor, for a person."""
        ...

    async def list_open(self) -> list[str]:
        """Return the real paths of the open files of the workspace that agents may read."""
        ...

    async def read_open(self, path: str) -> str | None:
        """Return the text of the open file with the real path `path`; None if no such file is open.

        Raises:
            ValueError: it is open, but its text cannot be given; the message completes a sentence about the file.
        """
        ...

    async def apply(self, request: str, paths: Sequence[str]) -> str:
        """Make an approved change in open files; return why that failed, as a sentence, "" on success.

        Args:
            request: id of the request in the gate's record, which has to hold it as approved.
            paths: real paths of the files to change.
        """
        ...


class PairingServer:
    """Listens for agents of this user; on one event loop.

    Args:
        editor: the editor that is offered.
    """

    def __init__(self, editor: OfferedEditor) -> None:
        self._editor = editor
        self._server: asyncio.Server | None = None
        self._announcement: Announcement | None = None
        self._busy = 0
        self._closed = False

    async def start(self, folders: Sequence[Path]) -> None:
        """Listen, and announce that to agents of a workspace of `folders`; where that is impossible, only log it."""
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        file = await asyncio.to_thread(announcements.choose_file, name)
        if file is None:
            logger.warning("no folder is private enough to offer this editor to agents of other processes")
        if file is None or self._closed:
            return
        announcement = Announcement(file, os.getpid(), (), secrets.token_urlsafe(32))
        try:
            listener = _listen(announcement)
        except OSError as error:
            logger.warning("the editor is not offered to agents of other processes: %s", error)
            return
        options: dict[str, Any] = {"sock": listener, "limit": channel.LARGEST_REQUEST, "start_serving": False}
        start = asyncio.start_unix_server if HAS_SOCKETS else asyncio.start_server
        self._server = await start(self._serve, **options)  # suspends nowhere, so that nothing is left behind
        self._announcement = replace(announcement, port=0 if HAS_SOCKETS else int(listener.getsockname()[1]))
        await self._server.start_serving()
        await self.announce(folders)

    async def announce(self, folders: Sequence[Path]) -> None:
        """Announce the workspace folders again, after they have changed; do nothing if this does not listen."""
        real = await asyncio.to_thread(lambda: tuple(folder.resolve() for folder in folders))
        if self._announcement is None:
            return
        self._announcement = announcement = replace(self._announcement, folders=real)
        try:
            await asyncio.to_thread(announcements.announce, announcement)
        except OSError as error:
            logger.warning("the editor is not offered to agents of other processes: %s", error)
        if self._closed:  # meanwhile
            await asyncio.to_thread(announcements.withdraw, announcement)

    async def close(self) -> None:
        """Stop listening, and delete the announcement."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        announcement, self._announcement = self._announcement, None
        if announcement is not None:
            await asyncio.to_thread(announcements.withdraw, announcement)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a client that has proved that it knows the secret; close the connection.

        Refuses other users, and connections beyond `MOST_CONNECTIONS`. Logs errors.
        """
        self._busy += 1
        try:
            if self._busy <= MOST_CONNECTIONS and not _is_foreign(writer):
                await self._answer(reader, writer)
        except (OSError, ValueError, TimeoutError, asyncio.LimitOverrunError) as error:
            logger.info("an agent's connection failed: %s", error)
        finally:
            self._busy -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Check the client's proof, send ours, and answer one request.

        Raises:
            ValueError: the client did not prove itself, or a message is malformed.
        """
        announcement = self._announcement
        if announcement is None:
            return
        mine = channel.make_challenge()
        async with asyncio.timeout(HANDSHAKE_S):
            await _send(writer, {"challenge": mine})
            shown = channel.decode(await reader.readline())
            theirs = str(shown.get("challenge", ""))
            if not channel.is_proof(
                shown.get("proof"), channel.make_proof(announcement.secret, channel.CLIENT, mine, theirs)
            ):
                raise ValueError("a client did not prove that it may read the announcement")
            proof = channel.make_proof(announcement.secret, channel.SERVER, mine, theirs)
            await _send(writer, {"proof": proof, "editor": self._editor.name})
            request = channel.decode(await reader.readline())
        await _send(writer, await self._handle(request))

    async def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request."""
        match request:
            case {"do": "list"}:
                return {"open": await self._editor.list_open()}
            case {"do": "read", "path": str(path)}:
                try:
                    return {"text": await self._editor.read_open(path)}
                except ValueError as error:
                    return {"problem": str(error)}
            case {"do": "apply", "request": str(identity), "paths": list(paths)}:
                return {"problem": await self._editor.apply(identity, [str(one) for one in paths])}
        return {"problem": "This version of Starling does not know the request; use one version for both."}


def _listen(announcement: Announcement) -> socket.socket:
    """Return a socket that listens where `announcement` says; on loopback where there are no Unix sockets.

    Raises:
        OSError: it cannot listen there.
    """
    listener = socket.socket(socket.AF_UNIX if HAS_SOCKETS else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if HAS_SOCKETS:
            listener.bind(str(announcement.socket))
            announcement.socket.chmod(FILE_MODE)  # nobody else can enter the folder meanwhile
        else:
            listener.bind(("127.0.0.1", 0))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def _is_foreign(writer: asyncio.StreamWriter) -> bool:
    """Return whether the peer is certainly another user's process, which is logged; False if that is unknown."""
    connection = writer.get_extra_info("socket")
    who = describe_foreign_peer(connection) if connection is not None and is_unix_socket(connection) else ""
    if who:
        logger.warning("a connection of %s was refused", who)
    return bool(who)


async def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    """Send a message to the client."""
    writer.write(channel.encode(message))
    await writer.drain()
