"""Indexing as a progress bar in the editor. Holds no figure of its own; start at `ProgressBar.reporter`."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from server.inquiry import inquire

if TYPE_CHECKING:
    from collections.abc import Callable

    from pygls.lsp.server import LanguageServer

    from indexing.records import IndexProgress
    from server.client import Client

logger = logging.getLogger(__name__)

TITLE = "Indexing"
STEP_S = 0.1  # nobody sees more than ten steps a second
CREATE_WAIT_S = 10.0


class ProgressBar:
    """Shows the newest report of each run of indexing, at most ten times a second."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._newest: IndexProgress | None = None
        self._running: asyncio.Task[None] | None = None

    def reporter(self, client: Client) -> Callable[[IndexProgress], None] | None:
        """The function that the index calls from any thread; None for clients that show no progress."""
        if not client.progress:
            return None
        loop = asyncio.get_running_loop()

        def report(progress: IndexProgress) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._take, progress)

        return report

    def close(self) -> None:
        """Stop showing; the client drops its bar with the connection."""
        if self._running is not None:
            self._running.cancel()

    def _take(self, progress: IndexProgress) -> None:
        self._newest = progress
        if self._running is None and not progress.finished:
            self._running = asyncio.ensure_future(self._show())

    async def _show(self) -> None:
        try:
            token = str(uuid.uuid4())
            params = types.WorkDoneProgressCreateParams(token)
            await inquire(self._server, types.WINDOW_WORK_DONE_PROGRESS_CREATE, params, limit_s=CREATE_WAIT_S)
            progress = self._server.work_done_progress
            progress.begin(token, types.WorkDoneProgressBegin(title=TITLE, cancellable=False, percentage=0))
            shown = None
            while (newest := self._newest) is not None and not newest.finished:
                if newest != shown:
                    progress.report(token, _report(newest))
                    shown = newest
                await asyncio.sleep(STEP_S)
            progress.end(
                token, types.WorkDoneProgressEnd(message=f"{newest.total:,} files" if newest is not None else None)
            )
            progress.tokens.pop(token, None)
        except (TimeoutError, JsonRpcException) as error:
            logger.info("the client shows no progress: %s", error)
        finally:
            self._running = None


def _report(progress: IndexProgress) -> types.WorkDoneProgressReport:
    percentage = min(100 * progress.done // progress.total, 100) if progress.total else 0
    return types.WorkDoneProgressReport(message=f"{progress.done:,} of {progress.total:,} files", percentage=percentage)
