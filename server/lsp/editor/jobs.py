"""What takes long and somebody waits for: a bar in the editor, a thread, and two ways to be cancelled.

A client cancels the request, or the bar; either reaches the work at its next step. Knows no task. Start at `Jobs.run`.
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

from server.gate.question.wording import replace_unprintable
from server.lsp.editor.client_requests import ask_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from concurrent.futures import Future

    from pygls.lsp.server import LanguageServer

    from server.lsp.editor.client import Client

THREADS = 2
CREATE_WAIT_S = 5.0

R = TypeVar("R")


@dataclass(eq=False)
class Job:
    """One piece of work under way; `cancelled` and `report` may be called from any thread."""

    loop: asyncio.AbstractEventLoop
    show: Callable[[str], None]
    pool: ThreadPoolExecutor
    token: int | str | None = None
    bar: Future[None] | None = None
    shown: str = ""
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


class Jobs:
    """The long work of one session."""

    def __init__(self, server: LanguageServer, client: Callable[[], Client]) -> None:
        self._server = server
        self._client = client
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="work")
        self._running: set[Job] = set()

    @asynccontextmanager
    async def run(self, title: str, token: int | str | None = None) -> AsyncIterator[Job]:
        """A piece of work for the time of the block, shown by the client's own `token` if it has one.

        It begins at once: a bar that the client has to make first appears when the client says that it is there.
        """
        work = Job(asyncio.get_running_loop(), lambda message: self._show(work, message), self._pool)
        self._running.add(work)
        making = None
        if token is not None:
            self._begin(work, title, token)
        elif self._client().progress:
            making = asyncio.create_task(self._make(work, title))
        try:
            yield work
        finally:
            work.stopped.set()
            self._running.discard(work)
            if making is not None:
                making.cancel()
            self._end(work)

    def _begin(self, work: Job, title: str, token: int | str) -> None:
        progress = self._server.work_done_progress
        progress.begin(token, types.WorkDoneProgressBegin(title=title, cancellable=True))
        work.token, work.bar = token, progress.tokens[token]
        if work.shown:
            self._show(work, work.shown)

    def _show(self, work: Job, message: str) -> None:
        work.shown = message
        if work.token in self._server.work_done_progress.tokens:
            self._server.work_done_progress.report(work.token, types.WorkDoneProgressReport(message=message))

    def _end(self, work: Job) -> None:
        if work.token is not None:
            self._server.work_done_progress.tokens.pop(work.token, None)
            self._server.work_done_progress.end(work.token, types.WorkDoneProgressEnd())

    async def _make(self, work: Job, title: str) -> None:
        """A bar that the client takes from us; none where it says no, or nothing."""
        token = str(uuid.uuid4())
        try:
            params = types.WorkDoneProgressCreateParams(token)
            await ask_client(self._server, types.WINDOW_WORK_DONE_PROGRESS_CREATE, params, limit_s=CREATE_WAIT_S)
        except (TimeoutError, JsonRpcException):
            return
        self._begin(work, title, token)

    def tell(self, message: str) -> None:
        """Show a person a sentence: what came of what they asked for."""
        self._server.window_show_message(
            types.ShowMessageParams(types.MessageType.Info, f"Starling: {replace_unprintable(message)}")
        )

    def pour(self, token: int | str, text: str) -> None:
        """A piece of an answer in words, for who asked with this token."""
        self._server.progress(types.ProgressParams(token, {"text": text}))

    def close(self) -> None:
        """Everything that runs ends at its next step."""
        for work in self._running:
            work.stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
