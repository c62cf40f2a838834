"""What takes long and somebody waits for: a bar in the editor, a thread, and two ways to be cancelled.

A client cancels the request, or the bar; either reaches the work at its next step. Knows no task. Start at `Works.run`.
"""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from concurrent.futures import Future

    from pygls.lsp.server import LanguageServer

    from server.client import Client

THREADS = 2
CREATE_WAIT_S = 5.0

R = TypeVar("R")


@dataclass(eq=False)
class Work:
    """One piece of work under way; `cancelled` and `report` may be called from any thread."""

    loop: asyncio.AbstractEventLoop
    show: Callable[[str], None]
    pool: ThreadPoolExecutor
    bar: Future[None] | None = None
    stopped: Event = field(default_factory=Event)

    def cancelled(self) -> bool:
        """Whether nobody wants it any more."""
        if self.bar is not None and self.bar.cancelled():
            self.stopped.set()
        return self.stopped.is_set()

    def report(self, message: str) -> None:
        """Say in a few words what is being done."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.show, message)

    async def call(self, blocking: Callable[[], R]) -> R:
        """What `blocking` gives, in a thread; whoever cancels this stops that too."""
        return await self.loop.run_in_executor(self.pool, blocking)


class Works:
    """The long work of one session."""

    def __init__(self, server: LanguageServer, client: Callable[[], Client]) -> None:
        self._server = server
        self._client = client
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="work")
        self._running: set[Work] = set()

    @asynccontextmanager
    async def run(self, title: str, token: int | str | None = None) -> AsyncIterator[Work]:
        """A piece of work for the time of the block, shown by the client's own `token` if it has one."""
        token = await self._created() if token is None else token
        progress = self._server.work_done_progress
        if token is not None:
            progress.begin(token, types.WorkDoneProgressBegin(title=title, cancellable=True))

        def show(message: str) -> None:
            if token in progress.tokens:
                progress.report(token, types.WorkDoneProgressReport(message=message))

        bar = progress.tokens[token] if token is not None else None
        work = Work(asyncio.get_running_loop(), show, self._pool, bar)
        self._running.add(work)
        try:
            yield work
        finally:
            work.stopped.set()
            self._running.discard(work)
            if token is not None:
                progress.tokens.pop(token, None)
                progress.end(token, types.WorkDoneProgressEnd())

    def tell(self, message: str) -> None:
        """Show a person a sentence: what came of what they asked for."""
        self._server.window_show_message(types.ShowMessageParams(types.MessageType.Info, f"Starling: {message}"))

    def pour(self, token: int | str, text: str) -> None:
        """A piece of an answer in words, for who asked with this token."""
        self._server.progress(types.ProgressParams(token, {"text": text}))

    def close(self) -> None:
        """Everything that runs ends at its next step."""
        for work in self._running:
            work.stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _created(self) -> str | None:
        """A token to show progress by, which the client takes from us; None where it does not."""
        if not self._client().progress:
            return None
        token = str(uuid.uuid4())
        try:
            await asyncio.wait_for(self._server.work_done_progress.create_async(token), CREATE_WAIT_S)
        except (TimeoutError, JsonRpcException):
            return None
        return token
