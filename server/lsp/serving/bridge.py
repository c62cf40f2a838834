"""A bridge from an editor's standard input and output to a server on the network, over a WebSocket.

So every editor that can start a program can use a server with accounts. Passes messages on unchanged, but for the
editor's process id, which means nothing on another machine. Start at `run_bridge`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from server.access.addresses import is_safe_address
from server.lsp.wire import framing, streams

if TYPE_CHECKING:
    import ssl

    from websockets.asyncio.client import ClientConnection

logger = logging.getLogger(__name__)

OPEN_S = 20.0
CLOSE_S = 5.0
MOST_WAITING_BYTES = 1 << 27  # read from the editor and not sent yet
SUBPROTOCOL = Subprotocol("lsp")


class BridgeError(Exception):
    """The server cannot be reached, or has ended the connection; the message says why and what to do."""


def is_safe_url(url: str) -> bool:
    """Return whether `url` is a wss address, or a ws address of this machine."""
    scheme, colon, rest = url.partition(":")
    names = {"wss": "https", "ws": "http"}
    return bool(colon) and scheme in names and is_safe_address(f"{names[scheme]}:{rest}")


async def run_bridge(url: str, token: str, trusted: ssl.SSLContext | None) -> None:
    """Connect the editor at standard input and output to the server at `url`, until one of them ends.

    Args:
        url: the address of the WebSocket.
        token: the access token.
        trusted: the certificates to trust; None for those of the system.

    Raises:
        BridgeError: the server cannot be reached, refuses, or has ended the connection by itself.
    """
    opening = connect(
        url,
        additional_headers={"Authorization": f"Bearer {token}"},
        subprotocols=[SUBPROTOCOL],
        compression=None,
        max_size=framing.MAX_BODY_BYTES,
        open_timeout=OPEN_S,
        close_timeout=CLOSE_S,
        ssl=(trusted or True) if url.startswith("wss:") else None,
    )
    try:
        socket = await opening
    except InvalidStatus as error:
        said = (error.response.body or b"").decode("utf-8", "replace").strip()[:300]
        raise BridgeError(f"{url} refuses: {said or error.response.status_code}") from error
    except (OSError, TimeoutError, InvalidHandshake, ValueError) as error:
        raise BridgeError(f"{url} cannot be reached ({error}).") from error
    reading, writing = streams.claim_stdio()
    async with socket:
        await _pass_messages(socket, reading, writing)


async def _pass_messages(socket: ClientConnection, reading: int, writing: int) -> None:
    """Pass messages in both directions until the editor or the server ends. Raises BridgeError."""
    outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
    waiting = 0

    def take(body: bytes) -> None:
        """Queue a message of the editor; end the input if the server takes too few."""
        nonlocal waiting
        waiting += len(body)
        outgoing.put_nowait(body if waiting <= MOST_WAITING_BYTES else None)

    async def send_all() -> None:
        """Send the editor's messages until its input ends."""
        nonlocal waiting
        is_first = True
        while (body := await outgoing.get()) is not None:
            await socket.send(hide_process(body) if is_first else body)
            is_first = False
            waiting -= len(body)

    def skip(length: int) -> None:
        """Log that a message of the editor was too long."""
        logger.warning("a message of %d bytes was left out", length)

    writer = streams.DescriptorWriter(writing, lambda: outgoing.put_nowait(None))
    receiver = streams.Receiver(take, skip, lambda _: outgoing.put_nowait(None))
    streams.read_in_thread(reading, receiver)
    sending = asyncio.create_task(send_all())
    receiving = asyncio.create_task(_receive_all(socket, writer))
    await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
    ended_here = sending.done()
    if ended_here:  # a server that got `exit` closes the connection itself
        await asyncio.wait((receiving,), timeout=CLOSE_S)
    for task in (sending, receiving):
        task.cancel()
    await asyncio.gather(sending, receiving, return_exceptions=True)
    await asyncio.to_thread(writer.close)
    if not ended_here and socket.close_code not in {1000, None}:
        raise BridgeError(f"The server has ended the connection ({socket.close_reason or socket.close_code}).")


async def _receive_all(socket: ClientConnection, writer: streams.DescriptorWriter) -> None:
    """Write the server's messages to the editor until the connection is closed."""
    with contextlib.suppress(ConnectionClosed):
        async for message in socket:
            body = message if isinstance(message, bytes) else message.encode("utf-8", "surrogatepass")
            writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


def hide_process(body: bytes) -> bytes:
    """Return the message `body` without the process id of an `initialize`; any other text unchanged."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return body
    params = message.get("params") if isinstance(message, dict) else None
    if not isinstance(params, dict) or not params.get("processId"):
        return body
    return json.dumps({**message, "params": {**params, "processId": None}}).encode()
