"""The server's memory while somebody types with the bundled model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.local.allocator import HEAPS
from tests.heaps import count_thread_heaps
from tests.wire.conftest import PROGRAM, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

pytestmark = pytest.mark.real_start

DOCUMENTS = 6
KEYS = 10
MOST_HEAPS = HEAPS - 1  # beside the main one; one that a thread had before the bound was set would stay


async def test_the_threads_of_a_server_that_completes_share_a_few_heaps(start: Start) -> None:
    session = await start(command=PROGRAM)
    session.write("shapes.py", "def area(radius):\n    return 3.14 * radius * radius\n")
    await session.initialize()
    await session.wait_for_index(1)
    text = "".join(f"value_{line} = area({line})\n" for line in range(60))
    uris = [session.open(f"untitled:Untitled-{number}", text + f"total_{number} = \n") for number in range(DOCUMENTS)]
    for key in range(KEYS):
        for number, uri in enumerate(uris):
            session.change(uri, key + 2, 60, 10 + key, "value_area"[key])
            await wait_for(session.ask(uri, 60, 11 + key, invoked=number % 2 == 0))
    assert (await session.execute("starling.stats"))["completion"]["model_runs"] > 0
    assert count_thread_heaps(session.process.pid) <= MOST_HEAPS
