"""The updates of one session on their way to the client, in order. Start at `UpdateSender`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from acp import helpers

from server.acp.tool_calls import clean_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

TextKind = Literal["agent", "thought", "person"]

MAKERS: dict[TextKind, Callable[[str], Any]] = {
    "agent": helpers.update_agent_message_text,
    "thought": helpers.update_agent_thought_text,
    "person": helpers.update_user_message_text,
}


@dataclass(frozen=True, slots=True)
class _Text:
    """Pieces of text that become one update."""

    kind: TextKind
    parts: list[str]


class UpdateSender:
    """Sends updates one after the other; joins pieces of text that wait. On one event loop.

    Args:
        send: sends one update; raises `ConnectionError` if the client has left.
    """

    def __init__(self, send: Callable[[Any], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: deque[Any] = deque()
        self._queued = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.create_task(self._send_all())

    def put(self, update: Any) -> None:  # noqa: ANN401 (one of the protocol's dozen kinds of updates)
        """Queue an update of the protocol; drop it if the client has left."""
        if self._task.done():
            return
        self._waiting.append(update)
        self._idle.clear()
        self._queued.set()

    def put_text(self, kind: TextKind, text: str) -> None:
        """Queue a piece of text; it is sent together with pieces of the same kind that wait directly before it."""
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, _Text) and last.kind == kind:
            last.parts.append(text)
        else:
            self.put(_Text(kind, [text]))

    async def flush(self) -> None:
        """Wait until everything that was queued is sent or dropped."""
        await self._idle.wait()

    async def close(self) -> None:
        """Stop sending, and drop what waits."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _send_all(self) -> None:
        """Send what is queued until the client has left."""
        try:
            while await self._queued.wait():
                while self._waiting:
                    update = self._waiting.popleft()
                    if isinstance(update, _Text):
                        update = MAKERS[update.kind](clean_text("".join(update.parts)))
                    await self._send(update)
                self._queued.clear()
                self._idle.set()
        except ConnectionError as error:
            logger.info("updates are dropped: %s", error)
        finally:
            self._waiting.clear()
            self._idle.set()
