"""The one guard round dispatch: what no one expected is logged, counted and answered with an LSP error.

The only place with a blanket `except`. Never shows a message box: a person who types is not to be bothered with our
mistakes; the log and `starling.health` tell of them. Start at `Guard.request`.
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
    """Wraps handlers and background work, and counts what failed by the name it was wrapped under."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self._running: set[asyncio.Future[None]] = set()  # the event loop itself holds its tasks weakly

    def notification(self, name: str, handler: Callable[[Any], None]) -> Callable[[Any], None]:
        """A handler of notifications that never raises."""

        @functools.wraps(handler)
        def guarded(params: Any) -> None:  # noqa: ANN401 (each method has its own parameters)
            try:
                handler(params)
            except Exception as error:  # noqa: BLE001 (this is the guard)
                self.failed(name, error)

        return guarded

    def request(self, name: str, handler: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        """A handler of requests that fails with an LSP error only."""

        @functools.wraps(handler)
        async def guarded(params: Any) -> Any:  # noqa: ANN401
            try:
                return await handler(params)
            except JsonRpcException:
                raise  # a handler's own, meant answer
            except Exception as error:
                self.failed(name, error)
                raise JsonRpcInternalError(f"{name} failed ({type(error).__name__}); see Starling's log") from error

        return guarded

    def background(self, name: str, work: Awaitable[None], *, otherwise: Callable[[], None]) -> asyncio.Future[None]:
        """Start work that nobody waits for; `otherwise` is called if it fails."""

        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001
                self.failed(name, error)
                otherwise()

        task = asyncio.ensure_future(guarded())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def failed(self, name: str, error: BaseException) -> None:
        """Log and count a failure."""
        self.failures[name] += 1
        logger.error("%s failed", name, exc_info=error)
