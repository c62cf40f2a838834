"""Updates on their way to the client."""

from __future__ import annotations

import asyncio
from typing import Any

from acp import helpers

from server.acp.update_sender import UpdateSender


class Recorder:
    """A client that stores updates, once `open` is set."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.open = asyncio.Event()
        self.open.set()
        self.gone = False

    async def send(self, update: Any) -> None:
        """Store `update`, or fail like a client that has left."""
        await self.open.wait()
        if self.gone:
            raise ConnectionError("gone")
        self.sent.append(update)

    def list_texts(self) -> list[tuple[str, str]]:
        """Return the kind and the text of each update."""
        return [(one.session_update, one.content.text) for one in self.sent]


async def test_pieces_of_text_that_wait_are_joined_in_order() -> None:
    client = Recorder()
    sender = UpdateSender(client.send)
    for kind, text in (("agent", "a"), ("agent", "b"), ("thought", "c"), ("agent", "d\ud800")):
        sender.put_text(kind, text)  # type: ignore[arg-type]
    await sender.flush()
    assert client.list_texts() == [
        ("agent_message_chunk", "ab"),
        ("agent_thought_chunk", "c"),
        ("agent_message_chunk", "d\ufffd"),
    ]
    await sender.close()


async def test_flush_waits_until_all_is_sent() -> None:
    client = Recorder()
    client.open.clear()
    sender = UpdateSender(client.send)
    sender.put(helpers.update_agent_message_text("a"))
    flushing = asyncio.create_task(sender.flush())
    await asyncio.sleep(0.01)
    assert not flushing.done()
    client.open.set()
    await flushing
    assert client.list_texts() == [("agent_message_chunk", "a")]
    await sender.close()
    await sender.flush()


async def test_updates_for_a_client_that_has_left_are_dropped() -> None:
    client = Recorder()
    client.gone = True
    sender = UpdateSender(client.send)
    sender.put_text("agent", "a")
    await sender.flush()
    sender.put_text("agent", "b")
    await sender.flush()
    assert client.sent == []
    await sender.close()
