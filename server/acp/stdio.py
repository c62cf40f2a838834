"""JSON-RPC messages, one a line, over two file descriptors; malformed input is refused and never ends the connection.

Implements the transport of the package `acp`, whose own one ends at the first message that is no object.
Start at `LineTransport`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

READ_BYTES = 1 << 16
LONGEST_LINE = 1 << 26
"""Bytes of one message; a longer one is refused."""

LINES_AHEAD = 64
"""Most lines that are read before they are handled."""

PARSE_ERROR, INVALID_REQUEST = -32700, -32600


class LineTransport:
    """A connection to a client over the descriptors `reading` and `writing`; made on the event loop.

    Args:
        reading: descriptor of the client's messages.
        writing: descriptor for messages to the client.
    """

    def __init__(self, reading: int, writing: int) -> None:
        self._writing = writing
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.BoundedSemaphore(LINES_AHEAD)
        self._sending = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(reading,), name="acp reader", daemon=True).start()

    async def receive(self) -> dict[str, Any] | None:
        """Return the next well-formed message; None at the end of the input. Answers malformed ones with an error."""
        while (line := await self._lines.get()) is not None:
            self._room.release()
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                await self._refuse(PARSE_ERROR, "This line is no JSON; send one JSON-RPC message a line.")
                continue
            if problem := find_problem(message):
                await self._refuse(INVALID_REQUEST, problem)
                continue
            return dict(message)
        return None

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message to the client.

        Raises:
            ConnectionError: the client does not read any more.
        """
        data = json.dumps(message, separators=(",", ":"), default=str).encode() + b"\n"
        async with self._sending:
            try:
                await asyncio.to_thread(self._write, data)
            except OSError as error:
                raise ConnectionError(f"The client reads no more ({error.strerror or error}).") from error

    async def close(self) -> None:
        """Do nothing: the descriptors are closed with the process, and the reading thread ends with it."""

    async def _refuse(self, code: int, sentence: str) -> None:
        """Send an error without an id; do nothing if the client reads no more."""
        logger.warning("a message of the client was refused: %s", sentence)
        try:
            await self.send({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": sentence}})
        except ConnectionError as error:
            logger.info("%s", error)

    def _write(self, data: bytes) -> None:
        """Write all of `data` to the client; blocking."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._writing, view) :]

    def _read(self, descriptor: int) -> None:
        """Hand all lines of `descriptor` to `receive`, then None; runs in a thread."""
        try:
            for line in split_lines(descriptor):
                self._room.acquire()
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
            self._loop.call_soon_threadsafe(self._lines.put_nowait, None)
        except RuntimeError:  # the loop is closed already
            logger.debug("the connection is closed")


def split_lines(descriptor: int) -> Iterator[bytes]:
    """Yield the lines that are read from `descriptor`, without empty ones; of a line that is too long only the start.

    The last line needs no line end. An error while reading is the end of the input.
    """
    rest = bytearray()
    while data := _read_some(descriptor):
        *whole, last = data.split(b"\n")
        for part in whole:
            rest += part[: LONGEST_LINE - len(rest)]
            if line := bytes(rest).strip():
                yield line
            rest.clear()
        rest += last[: LONGEST_LINE - len(rest)]
    if line := bytes(rest).strip():
        yield line


def find_problem(message: object) -> str:
    """Return why `message` is no JSON-RPC message, as a sentence for its sender; "" if it is one."""
    if not isinstance(message, dict):
        return "A message has to be a JSON object."
    identity = message.get("id")
    if isinstance(identity, bool) or not isinstance(identity, int | float | str | None):
        return "The id of a message has to be a string or a number."
    if "method" in message:
        return "" if isinstance(message["method"], str) else "The method of a message has to be a string."
    if "id" not in message:
        return "A message needs a method or an id."
    error = message.get("error")
    return "" if error is None or isinstance(error, dict) else "The error of a response has to be an object."


def _read_some(descriptor: int) -> bytes:
    """Return the next bytes of `descriptor`; b"" at the end of the input and after an error."""
    try:
        return os.read(descriptor, READ_BYTES)
    except OSError as error:
        logger.info("reading from the client failed: %s", error)
        return b""
