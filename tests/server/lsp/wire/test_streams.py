"""Writers and clients that stop reading: nobody waits for them, and the unread bytes are bounded."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from server.lsp.wire import streams
from server.lsp.wire.streams import DescriptorWriter, SocketWriter

PIECE = b"x" * 65_536
LONG_S = 30.0


@pytest.fixture(autouse=True)
def _lower_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_UNREAD_BYTES", 16 * len(PIECE))
    monkeypatch.setattr(streams, "DRAIN_S", 0.01)


async def test_the_connection_to_a_client_that_does_not_read_is_ended() -> None:
    reading, writing = os.pipe()
    broken = asyncio.Event()
    writer = DescriptorWriter(writing, broken.set)
    for _ in range(200):
        writer.write(PIECE)
    await asyncio.wait_for(broken.wait(), LONG_S)
    os.close(reading)
    writer.close()
    os.close(writing)


async def test_a_client_that_reads_gets_any_amount() -> None:
    reading, writing = os.pipe()
    broken = asyncio.Event()
    ahead = threading.Semaphore(8)  # pieces that may be unread
    got = 0
    writer = DescriptorWriter(writing, broken.set)

    def read() -> None:
        nonlocal got
        while data := os.read(reading, len(PIECE)):
            before, got = got, got + len(data)
            for _ in range(got // len(PIECE) - before // len(PIECE)):
                ahead.release()

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(200):
        await asyncio.to_thread(ahead.acquire)
        writer.write(PIECE)
    for _ in range(8):
        await asyncio.to_thread(ahead.acquire)
    writer.close()
    os.close(writing)
    reader.join(LONG_S)
    os.close(reading)
    assert (got, broken.is_set()) == (200 * len(PIECE), False)


async def test_a_connection_that_is_not_read_is_ended() -> None:
    served = asyncio.Event()
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        writer = SocketWriter(stream)
        while not stream.is_closing():
            writer.write(PIECE)
            await asyncio.sleep(0)
        served.set()
        await reader.read()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    _, client = await asyncio.open_connection(*server.sockets[0].getsockname())
    await asyncio.wait_for(served.wait(), LONG_S)
    await asyncio.wait_for(ended.wait(), LONG_S)
    client.close()
    server.close()
    await server.wait_closed()


async def test_no_more_is_read_than_is_handled_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_AHEAD_BYTES", 4 * len(PIECE))
    reading, writing = os.pipe()
    handled = 0
    ended = asyncio.Event()
    held = []

    def handle_message(body: bytes) -> None:
        nonlocal handled
        handled += 1
        held.append(ahead.held)
        assert len(body) == len(PIECE)

    ahead = streams._ReadAhead()
    monkeypatch.setattr(streams, "_ReadAhead", lambda: ahead)
    streams.read_in_thread(reading, streams.Receiver(handle_message, lambda _: None, lambda _: ended.set()))

    def write() -> None:
        for _ in range(100):
            os.write(writing, b"Content-Length: %d\r\n\r\n%s" % (len(PIECE), PIECE))
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    await asyncio.wait_for(ended.wait(), LONG_S)
    writer.join(LONG_S)
    os.close(reading)
    assert handled == 100
    assert max(held) <= 5 * (len(PIECE) + streams.MESSAGE_BYTES)
