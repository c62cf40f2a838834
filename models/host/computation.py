"""A model's blocking calls, run on threads for the event loop: tokens are passed on as they are computed.

If a client disconnects, its computation stops at the next token. The model's turn is held until the thread has ended,
so that no two computations share a model. Start at `Computation.stream`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from concurrent.futures import Executor

    from models.host.loaded_models import LoadedModel
    from models.host.metrics import Metrics

Item = TypeVar("Item")
Result = TypeVar("Result")


class Computation:
    """Runs the calls of one request on a model.

    Args:
        loaded: the model.
        client: name of the client; the model's queue is fair to clients.
        executor: runs the blocking calls.
        metrics: counts tokens and waiting times.
    """

    def __init__(self, loaded: LoadedModel, client: str, executor: Executor, metrics: Metrics) -> None:
        self._loaded = loaded
        self._client = client
        self._executor = executor
        self._metrics = metrics
        self._cancelled = threading.Event()

    def is_cancelled(self) -> bool:
        """Return whether the computation was cancelled, because the client disconnected; for the computing thread."""
        return self._cancelled.is_set()

    async def run(self, work: Callable[[], Result]) -> Result:
        """Wait for the model's turn, run `work` on a thread and return its result.

        If this task is cancelled, so is the computation.

        Raises:
            BusyError: as for `FairQueue.take`.
        """
        async with self._hold_turn():
            return await self._wait_for_thread(asyncio.get_running_loop().run_in_executor(self._executor, work))

    async def stream(self, work: Callable[[Callable[[Item], None]], Result]) -> AsyncGenerator[Item | Result, None]:
        """Wait for the model's turn, run `work` on a thread, and yield the items that it reports, then its result.

        If the generator is closed early, the computation is cancelled.

        Args:
            work: called with a function that passes on an item.

        Raises:
            BusyError: as for `FairQueue.take`.
        """
        loop, arrived = asyncio.get_running_loop(), time.monotonic()
        items: asyncio.Queue[Item | None] = asyncio.Queue()

        def report(item: Item) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(items.put_nowait, item)

        async with self._hold_turn():
            running = loop.run_in_executor(self._executor, work, report)
            running.add_done_callback(lambda _: items.put_nowait(None))
            try:
                while (item := await items.get()) is not None:
                    if arrived:
                        self._record_first_token(time.monotonic() - arrived)
                        arrived = 0.0
                    yield item
            finally:
                if not running.done():
                    self._cancelled.set()
                await asyncio.gather(running, return_exceptions=True)
            yield running.result()

    @contextlib.asynccontextmanager
    async def _hold_turn(self) -> AsyncGenerator[None, None]:
        """Wait for the model's turn and hold it in the context; until its end the model is not idle."""
        loaded = self._loaded
        loaded.users += 1
        try:
            async with loaded.turns.take(self._client):
                yield
        finally:
            loaded.users -= 1
            loaded.used_at = time.monotonic()

    async def _wait_for_thread(self, running: Awaitable[Result]) -> Result:
        """Return the thread's result; if this task is cancelled, cancel the computation and wait until it ends."""
        shielded = asyncio.ensure_future(running)
        try:
            return await asyncio.shield(shielded)
        except asyncio.CancelledError:
            self._cancelled.set()
            await asyncio.gather(shielded, return_exceptions=True)
            raise

    def _record_first_token(self, seconds: float) -> None:
        """Add the seconds from a request's arrival to its first token to the metrics."""
        self._metrics.observe("first_token_seconds", seconds, model=self._loaded.entry.name)
