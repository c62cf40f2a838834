"""A model's blocking calls for the event loop: tokens come as they are computed, and who leaves stops them.

A turn is held until the thread is done, at the next token, so that no two computations share a model. Start at
`Computation.stream`.
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
    """One request's share of a model.

    Args:
        loaded: the model.
        client: who asks, for fairness.
        executor: whose threads compute.
        metrics: counts tokens and waits.
    """

    def __init__(self, loaded: LoadedModel, client: str, executor: Executor, metrics: Metrics) -> None:
        self._loaded = loaded
        self._client = client
        self._executor = executor
        self._metrics = metrics
        self._cancelled = threading.Event()

    def is_cancelled(self) -> bool:
        """Whether the client left; asked by the computing thread."""
        return self._cancelled.is_set()

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` gives, in its turn."""
        async with self._hold_turn():
            return await self._wait_for_thread(asyncio.get_running_loop().run_in_executor(self._executor, work))

    async def stream(self, work: Callable[[Callable[[Item], None]], Result]) -> AsyncGenerator[Item | Result, None]:
        """What `work` tells, as it comes, and at last what it gives."""
        loop, arrived = asyncio.get_running_loop(), time.monotonic()
        told: asyncio.Queue[Item | None] = asyncio.Queue()

        def tell(item: Item) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(told.put_nowait, item)

        async with self._hold_turn():
            running = loop.run_in_executor(self._executor, work, tell)
            running.add_done_callback(lambda _: told.put_nowait(None))
            try:
                while (item := await told.get()) is not None:
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
        loaded = self._loaded
        loaded.users += 1
        try:
            async with loaded.turns.take(self._client):
                yield
        finally:
            loaded.users -= 1
            loaded.used_at = time.monotonic()

    async def _wait_for_thread(self, running: Awaitable[Result]) -> Result:
        """Wait for the thread; who is cancelled meanwhile tells it, and waits all the same."""
        shielded = asyncio.ensure_future(running)
        try:
            return await asyncio.shield(shielded)
        except asyncio.CancelledError:
            self._cancelled.set()
            await asyncio.gather(shielded, return_exceptions=True)
            raise

    def _record_first_token(self, seconds: float) -> None:
        name = self._loaded.entry.name
        self._metrics.add("first_token_seconds_sum", seconds, model=name)
        self._metrics.add("first_token_seconds_count", model=name)
