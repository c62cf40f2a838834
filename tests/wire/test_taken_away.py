"""Files damaged or deleted under a running server: it makes them again within seconds, and says so once."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.wire.conftest import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

FILES = 20


async def begin(start: Start) -> Session:
    """Begin a session in a workspace of `FILES` modules, and wait until they are indexed."""
    session = await start()
    for number in range(FILES):
        session.write(f"module{number}.py", f"def compute_{number}(scale):\n    return scale * {number}\n" * 20)
    await session.initialize()
    await session.wait_for_index(FILES)
    assert await search(session, "compute_7") == "module7.py"
    return session


async def search(session: Session, name: str) -> str:
    """Return the first file that a search for `name` finds, "" for none."""
    hits = (await session.execute("starling.search", query=name))["hits"]
    return hits[0]["relative"] if hits else ""


async def wait_until(session: Session, condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds, while the server answers."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end
        await session.execute("starling.health")


def list_messages(session: Session, words: str) -> list[str]:
    return [each.message for each in session.client.messages if words in each.message]


async def test_a_segment_that_is_cut_off_does_not_end_the_server(start: Start) -> None:
    session = await begin(start)
    for segment in (session.home / "cache" / "index").glob("*.segment"):
        os.truncate(segment, 100)
    for number in range(FILES):
        assert await search(session, f"compute_{number}") == f"module{number}.py"
    assert session.process.returncode is None


async def test_a_cache_folder_that_is_deleted_is_made_again_and_searched(start: Start) -> None:
    session = await begin(start)
    index = session.home / "cache" / "index"
    shutil.rmtree(session.home / "cache")
    assert await search(session, "compute_7") == "module7.py"
    await wait_until(session, lambda: any(index.glob("*.segment")) if index.is_dir() else False)
    session.write("late.py", "def zeppelin(wing):\n    return wing\n")
    await session.wait_for_index(FILES + 1)
    assert await search(session, "zeppelin") == "late.py"
    assert await search(session, "compute_7") == "module7.py"
    # by the server, or by the indexing process that was asked for the new file before the server looked
    await wait_until(session, lambda: bool(list_messages(session, "it is being rebuilt")))
    [told] = list_messages(session, "it is being rebuilt")
    assert "The index of this workspace was deleted" in told


async def test_a_state_folder_that_is_deleted_is_made_again_and_records_go_on(start: Start) -> None:
    session = await begin(start)
    state = session.home / "state" / "state.sqlite3"
    await session.execute("starling.approvals")
    assert state.exists()
    shutil.rmtree(session.home / "state")
    for _ in range(2):
        assert (await session.execute("starling.approvals"))["approvals"] == []
    assert state.exists()
    assert state.stat().st_mode & 0o077 == 0
    await wait_until(session, lambda: len(list_messages(session, "was deleted, with what was recorded in it")) == 1)


@pytest.mark.real_start
async def test_a_log_that_is_deleted_is_begun_anew(start: Start) -> None:
    session = await begin(start)
    log = session.home / "log" / "starling.log"
    await wait_until(session, log.exists)
    shutil.rmtree(session.home / "log")
    session.client.exit(None)
    await session.process.wait()
    assert "session ends" in log.read_text(encoding="utf-8")


def delete(path: Path) -> None:
    path.unlink()


def overwrite(path: Path) -> None:
    path.unlink()
    path.write_bytes(bytes(range(256)) * 40)


@pytest.mark.parametrize("harm", [delete, overwrite])
async def test_a_file_saved_while_the_index_is_deleted_does_not_become_the_whole_index(
    start: Start, harm: Callable[[Path], None]
) -> None:
    session = await begin(start)
    for path in (session.home / "cache" / "index").iterdir():
        if "sqlite3" in path.name or path.suffix == ".segment":
            harm(path)
    session.write("late.py", "def zeppelin(wing):\n    return wing\n")
    await session.wait_for_index(FILES + 1)
    assert await search(session, "zeppelin") == "late.py"
    assert await search(session, "compute_7") == "module7.py"
    await wait_until(session, lambda: bool(list_messages(session, "it is being rebuilt")))
    assert len(list_messages(session, "it is being rebuilt")) == 1
