"""Jobs: long operations that a person waits for, with a progress bar in the editor and a thread to run in.

The client can cancel the request or the progress bar; the job notices either at its next check. Knows no task. Start
at `Jobs.run`.
"""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from agents.ports.tracing import carry_span
from server.gate.question.printing import replace_unprintable
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
    """A long operation in progress; any thread may call `is_cancelled` and `report`.

    Attributes:
        loop: the event loop of the session.
        show: shows a message in the progress bar; called on the event loop.
        pool: the threads that run blocking parts.
        token: the progress bar's token, None without a bar.
        bar: a future that is cancelled when the client cancels the progress bar.
        shown: the newest message.
        stopped: set once the job has ended or is cancelled.
    """

    loop: asyncio.AbstractEventLoop
    show: Callable[[str], None]
    pool: ThreadPoolExecutor
    token: int | str | None = None
    bar: Future[None] | None = None
    shown: str = ""
    stopped: Event = field(default_factory=Event)

    def is_cancelled(self) -> bool:
        """Return whether the job has ended, or its request or progress bar was cancelled."""
        if self.bar is not None and self.bar.cancelled():
            self.stopped.set()
        return self.stopped.is_set()

    def report(self, message: str) -> None:
        """Show `message`, a few words about the current step, in the progress bar."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.show, message)

    async def run_blocking(self, blocking: Callable[[], R]) -> R:
        """Run `blocking` in a thread and return its result."""
        return await self.loop.run_in_executor(self.pool, carry_span(blocking))


class Jobs:
    """The running jobs of one session.

    Attributes:
        closed: whether the session has ended.
    """

    def __init__(self, server: LanguageServer, client: Callable[[], Client]) -> None:
        self._server = server
        self._client = client
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="work")
        self._running: set[Job] = set()
        self.closed = False

    @asynccontextmanager
    async def run(self, title: str, token: int | str | None = None) -> AsyncIterator[Job]:
        """Start a job that lasts as long as the `async with` block, and yield it.

        The progress bar uses the client's `token`. Without one the server asks the client to create a bar, if it can;
        the job does not wait for the bar.
        """
        job = Job(asyncio.get_running_loop(), lambda message: self._show_step(job, message), self._pool)
        self._running.add(job)
        making = None
        if token is not None:
            self._begin_bar(job, title, token)
        elif self._client().progress:
            making = asyncio.create_task(self._create_bar(job, title))
        try:
            yield job
        finally:
            job.stopped.set()
            self._running.discard(job)
            if making is not None:
                making.cancel()
            self._end_bar(job)

    def _begin_bar(self, job: Job, title: str, token: int | str) -> None:
        """Begin the progress bar `token` in the editor, and show the job's newest message in it."""
        progress = self._server.work_done_progress
        progress.begin(token, types.WorkDoneProgressBegin(title=title, cancellable=True))
        job.token, job.bar = token, progress.tokens[token]
        if job.shown:
            self._show_step(job, job.shown)

    def _show_step(self, job: Job, message: str) -> None:
        """Store `message` as the job's newest, and show it in the job's progress bar if there is one."""
        job.shown = message
        if job.token in self._server.work_done_progress.tokens:
            self._server.work_done_progress.report(job.token, types.WorkDoneProgressReport(message=message))

    def _end_bar(self, job: Job) -> None:
        """Remove the job's progress bar from the editor, if there is one."""
        if job.token is not None:
            self._server.work_done_progress.tokens.pop(job.token, None)
            self._server.work_done_progress.end(job.token, types.WorkDoneProgressEnd())

    async def _create_bar(self, job: Job, title: str) -> None:
        """Ask the client to create a progress bar; if it does not agree within `CREATE_WAIT_S`, the job has none."""
        token = str(uuid.uuid4())
        try:
            params = types.WorkDoneProgressCreateParams(token)
            await ask_client(self._server, types.WINDOW_WORK_DONE_PROGRESS_CREATE, params, limit_s=CREATE_WAIT_S)
        except (TimeoutError, JsonRpcException):
            return
        self._begin_bar(job, title, token)

    def show_message(self, message: str) -> None:
        """Show `message` to the person in the editor, as a message that needs no answer."""
        self._server.window_show_message(
            types.ShowMessageParams(types.MessageType.Info, f"Starling: {replace_unprintable(message)}")
        )

    def send_text(self, token: int | str, text: str) -> None:
        """Send a piece of a streamed answer as `$/progress` with the client's `token`."""
        self._server.progress(types.ProgressParams(token, {"text": text}))

    def send_part(self, token: int | str, part: dict[str, Any]) -> None:
        """Send a part of a streamed answer, as JSON, as `$/progress` with the client's `token`."""
        self._server.progress(types.ProgressParams(token, part))

    def close(self) -> None:
        """Stop all jobs at their next check and accept no more."""
        self.closed = True
        for job in self._running:
            job.stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
