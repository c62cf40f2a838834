"""Background work under the guard."""

from __future__ import annotations

import asyncio
import gc
import warnings

from server.lsp.wire.guard import Guard


async def work() -> None:
    """Do nothing."""


def test_work_that_is_cancelled_before_it_begins_warns_nobody() -> None:
    async def cancel_at_once() -> None:
        Guard().run_in_background("work", work(), otherwise=lambda: None).cancel()
        await asyncio.sleep(0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(cancel_at_once())
        gc.collect()


async def test_work_that_fails_is_counted_and_the_other_way_is_taken() -> None:
    guard, taken = Guard(), []

    async def fail() -> None:
        raise OSError("no")

    await guard.run_in_background("work", fail(), otherwise=lambda: taken.append(1))
    assert (guard.failures["work"], taken) == (1, [1])
