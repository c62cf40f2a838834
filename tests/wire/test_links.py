"""A workspace full of links, for a client that watches no files: the server answers and ends at once, and watches."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.wire.conftest import WAIT_S, wait_for, wait_for_exit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import psutil

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

pytestmark = pytest.mark.real_start  # command lines of the processes are read

PACKAGES = 24
SLOWEST_S = 2.0  # far over the 100 ms of an idle machine, far under what following the links takes
ROUNDS = 40


def write_links(session: Session) -> None:
    """Write packages with three links each as pnpm makes them, a loop, and links to the whole system."""
    for number in range(PACKAGES):
        session.write(f"packages/p{number}/index.js", f"export const value{number} = {number};\n")
    for number in range(PACKAGES):
        for step in (1, 5, 7):
            to: Path = session.workspace / "packages" / f"p{(number + step) % PACKAGES}"
            (session.workspace / "packages" / f"p{number}" / f"dep{step}").symlink_to(to, target_is_directory=True)
    for name, target in (("loop", "."), ("sys", "/sys"), ("everything", "/")):
        (session.workspace / name).symlink_to(target, target_is_directory=True)


async def begin(start: Start) -> tuple[Session, list[psutil.Process]]:
    """Begin a session in a workspace full of links; return it and its processes once it indexes and watches."""
    session = await start()
    write_links(session)
    await session.initialize()
    await session.wait_for_index(PACKAGES)
    await session.wait_for_status(
        lambda _: any(
            "indexing.workspace.watching.watcher" in " ".join(each.cmdline()) for each in session.list_processes()
        )
    )
    return session, session.list_processes()


async def test_every_answer_comes_at_once_and_changes_are_found(start: Start) -> None:
    session, _ = await begin(start)
    slowest = 0.0
    for _ in range(ROUNDS):
        asked = time.monotonic()
        await session.execute("starling.health")
        slowest = max(slowest, time.monotonic() - asked)
        await asyncio.sleep(0.05)
    assert slowest < SLOWEST_S
    session.write("packages/p0/late.js", "export function late() {}\n")
    await session.wait_for_index(PACKAGES + 1)
    (session.workspace / "packages" / "p0" / "late.js").unlink()
    await session.wait_for_index(PACKAGES)


async def test_exit_ends_the_server_with_all_its_processes(start: Start) -> None:
    session, family = await begin(start)
    await wait_for(session.client.shutdown_async(None))
    session.client.exit(None)
    assert await wait_for(session.process.wait()) == 0
    await wait_for_exit(family)


async def test_the_end_of_input_ends_the_server_with_all_its_processes(start: Start) -> None:
    session, family = await begin(start)
    assert session.process.stdin is not None
    session.process.stdin.close()
    await wait_for(session.process.wait())
    await wait_for_exit(family)


async def test_a_request_to_terminate_ends_the_server_with_all_its_processes(start: Start) -> None:
    session, family = await begin(start)
    session.process.send_signal(signal.SIGTERM)
    assert await wait_for(session.process.wait()) == 0
    await wait_for_exit(family)


async def test_a_server_that_is_killed_takes_its_processes_along(start: Start) -> None:
    session, family = await begin(start)
    session.process.kill()
    await wait_for(session.process.wait())
    await wait_for_exit(family)


async def search(session: Session, query: str) -> list[str]:
    """Return the files that a search for `query` finds."""
    return [hit["relative"] for hit in (await session.execute("starling.search", query=query))["hits"]]


async def test_new_and_renamed_folders_reach_the_index(start: Start) -> None:
    session, _ = await begin(start)
    session.write("fresh/inner/new.js", "export function fresh() {}\n")
    await session.wait_for_index(PACKAGES + 1)
    (session.workspace / "fresh").rename(session.workspace / "elsewhere")
    end = time.monotonic() + WAIT_S
    while (there := await search(session, "fresh")) != ["elsewhere/inner/new.js"]:
        assert time.monotonic() < end, there
