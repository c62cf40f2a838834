"""Progress bars in the editor for work that the server starts itself, such as indexing and loading a model.

The callers compute the progress. Start at `show`, and at `ProgressBar.make_reporter` for indexing.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from server.lsp.editor.client_requests import ask_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygls.lsp.server import LanguageServer

    from indexing.records import IndexProgress
    from server.lsp.editor.client import Client

logger = logging.getLogger(__name__)

TITLE = "Indexing"
STEP_S = 0.1  # a person cannot follow more than ten steps a second
CREATE_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """The state that a progress bar shows.

    Attributes:
        message: a few words.
        percentage: 0 to 100; None if unknown.
    """

    message: str
    percentage: int | None


async def show(
    server: LanguageServer, title: str, newest: Callable[[], Step | None], last: Callable[[], str | None]
) -> None:
    """Show a progress bar until the work has ended; show nothing if the client does not create one.

    Args:
        server: the connection to the client.
        title: the bar's title.
        newest: returns the current step, None once the work has ended; called ten times a second.
        last: returns the bar's last message, None for no message.
    """
    try:
        token = str(uuid.uuid4())
        params = types.WorkDoneProgressCreateParams(token)
        await ask_client(server, types.WINDOW_WORK_DONE_PROGRESS_CREATE, params, limit_s=CREATE_WAIT_S)
        progress = server.work_done_progress
        step = newest()
        # a bar that begins without a percentage never shows one
        percentage = 0 if step is None else step.percentage
        progress.begin(token, types.WorkDoneProgressBegin(title=title, cancellable=False, percentage=percentage))
        shown = None
        while (step := newest()) is not None:
            if step != shown:
                report = types.WorkDoneProgressReport(message=step.message, percentage=step.percentage)
                progress.report(token, report)
                shown = step
            await asyncio.sleep(STEP_S)
        progress.end(token, types.WorkDoneProgressEnd(message=last()))
        progress.tokens.pop(token, None)
    except (TimeoutError, JsonRpcException) as error:
        logger.info("the client shows no progress: %s", error)


class ProgressBar:
    """Shows the progress of indexing, one bar for each run."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._newest: IndexProgress | None = None
        self._running: asyncio.Task[None] | None = None

    def make_reporter(self, client: Client) -> Callable[[IndexProgress], None] | None:
        """Return the function to which the index reports, from any thread; None if `client` shows no progress."""
        if not client.progress:
            return None
        loop = asyncio.get_running_loop()

        def report(progress: IndexProgress) -> None:
            """Update the bar on the event loop; from any thread."""
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._update, progress)

        return report

    def close(self) -> None:
        """Stop updating the bar; the client removes it when the connection ends."""
        if self._running is not None:
            self._running.cancel()

    def _update(self, progress: IndexProgress) -> None:
        """Store the newest progress, and start a bar unless one is shown already or indexing has finished."""
        self._newest = progress
        if self._running is None and not progress.finished:
            self._running = asyncio.ensure_future(self._show())

    async def _show(self) -> None:
        """Show one bar until indexing has finished."""
        try:
            await show(self._server, TITLE, self._make_step, self._format_end)
        finally:
            self._running = None

    def _make_step(self) -> Step | None:
        """Return the number of indexed files as a step of the bar; None once indexing has finished."""
        newest = self._newest
        if newest is None or newest.finished:
            return None
        percentage = min(100 * newest.done // newest.total, 100) if newest.total else 0
        return Step(f"{newest.done:,} of {newest.total:,} files", percentage)

    def _format_end(self) -> str | None:
        """Return the bar's last message, the number of all files."""
        return f"{self._newest.total:,} files" if self._newest is not None else None
