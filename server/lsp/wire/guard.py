"""The guard around handlers and background work: unexpected errors are logged, counted and answered with an LSP error.

The only module with a blanket `except`. Never shows a message box, because a person who types can do nothing about an
internal error; the log and `starling.health` report them. Start at `Guard.guard_request`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException, JsonRpcInternalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)


class Guard:
    """Guards handlers and background work.

    Attributes:
        failures: the number of failures by the name of the handler or work.
    """

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self._running: set[asyncio.Future[None]] = set()  # the event loop itself holds its tasks weakly

    def guard_notification(self, name: str, handler: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a wrapper of a notification's `handler` that never raises, but records errors under `name`."""

        @functools.wraps(handler)
        def call_guarded(params: Any) -> None:  # noqa: ANN401 (each method has its own parameters)
            try:
                handler(params)
            except Exception as error:  # noqa: BLE001 (this is the guard)
                self.record_failure(name, error)

        return call_guarded

    def guard_request(self, name: str, handler: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        """Return a wrapper of a request's `handler` that records its errors under `name`.

        The wrapper raises JsonRpcException only: the handler's own, or JsonRpcInternalError for any other error.
        """

        @functools.wraps(handler)
        async def call_guarded(params: Any) -> Any:  # noqa: ANN401
            try:
                return await handler(params)
            except JsonRpcException:
                raise  # the handler's intended answer
            except Exception as error:
                self.record_failure(name, error)
                raise JsonRpcInternalError(f"{name} failed ({type(error).__name__}); see Starling's log") from error

        return call_guarded

    def run_in_background(
        self, name: str, work: Awaitable[None], *, otherwise: Callable[[], None]
    ) -> asyncio.Future[None]:
        """Start `work` as a task and return the task, which nobody needs to await.

        If the work fails, records the failure under `name` and calls `otherwise`; the task does not raise the error.
        """

        async def run() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001
                self.record_failure(name, error)
                otherwise()

        task = asyncio.ensure_future(run())
        if asyncio.iscoroutine(work):  # so that Python does not warn if the task is cancelled before it begins
            task.add_done_callback(lambda _: work.close())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def record_failure(self, name: str, error: BaseException) -> None:
        """Log and count a failure under `name`."""
        self.failures[name] += 1
        logger.error("%s failed", name, exc_info=error)
