"""A workspace whose files are made to block the server: it answers all the while, within its bound of memory."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from indexing.process.children import measure_memory
from tests.wire.conftest import Session, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

MOST_BYTES = 1_500_000_000  # of the server and all that it starts; a child may take most of it for a moment
LONGEST_S = 20.0  # for any answer on a busy machine; before the bounds such answers took minutes, or for ever
CODE = "import os\n\n\ndef area(radius):\n    return radius * radius\n"


def write_endless_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as data, data:
        data.execute("create table line_bits (file_id integer, numbits blob)")
        data.execute("create table arc (file_id integer, fromno integer, tono integer)")
        endless = (
            "with recursive n(i) as (select 1 union all select i + 1 from n) select i as id, 'a.py' as path from n"
        )
        data.execute(f"create view file as {endless}")


def write_exploding_xml(path: Path) -> None:
    sources = "".join(f"<source>s{n}</source>" for n in range(10_000))
    classes = "".join(f'<class filename="c{n}"/>' for n in range(10_000))
    path.write_text(f"<coverage><sources>{sources}</sources>{classes}</coverage>")


def write_endless_comment(path: Path) -> None:
    path.write_text("<coverage><!--" + "x" * 60_000_000 + "--></coverage>")


DATA = {
    ".coverage": write_endless_database,
    "coverage.xml": write_exploding_xml,
    "coverage/coverage.xml": write_endless_comment,
}
RUFF = ["extend = '/dev/zero'", "extend = 'pipe'", "extend = 'ruff.toml'", "a." * 100_000 + "b = 1"]


def arm(workspace: Path, data: str, ruff: str) -> None:
    """Write a workspace with the hostile coverage data `data` and the settings `ruff`, pipes and huge files."""
    workspace.mkdir(exist_ok=True)
    os.mkfifo(workspace / "pipe")
    (workspace / "area.py").write_text(CODE)
    (workspace / "link.py").symlink_to("/dev/zero")
    (workspace / "ruff.toml").write_text(ruff + "\n")
    (workspace / "pyproject.toml").write_text("[project]\n" + "b." * 100_000 + "c = 1\n")
    (workspace / ".starling.toml").write_text("a." * 60_000 + "b = 1\n")
    (workspace / ".gitignore").write_text("".join(f"generated/file{n}.txt\n" for n in range(20_000)))
    (workspace / data).parent.mkdir(exist_ok=True)
    DATA[data](workspace / data)


async def measure_longest_answer(session: Session, work: Awaitable[object]) -> float:
    """Return the longest time in seconds that `starling.status` took while `work` ran; also check the memory."""
    running = asyncio.ensure_future(wait_for(work))
    longest = 0.0
    while not running.done():
        began = time.monotonic()
        await session.execute("starling.status")  # it waits for nothing, not even for the program to be loaded
        longest = max(longest, time.monotonic() - began)
        assert measure_memory(session.process.pid) < MOST_BYTES
        await asyncio.sleep(0.05)
    await running
    return longest


@pytest.mark.parametrize(("data", "ruff"), [*zip(DATA, RUFF, strict=False), (".coverage", RUFF[3])])
async def test_the_server_answers_all_the_while(
    start: Callable[..., Awaitable[Session]], tmp_path: Path, data: str, ruff: str
) -> None:
    arm(tmp_path / "workspace", data, ruff)
    session = await start()
    await session.initialize(ready=False)
    uri = session.open((session.workspace / "area.py").as_uri(), CODE)

    async def list_suggestions() -> list[str]:
        await session.wait_for_status(lambda status: status["state"] == "ready")
        return await session.list_suggestions(uri, 4, 4)

    work = asyncio.gather(
        session.execute("starling.review", uri=uri), session.execute("starling.analyzeTestCoverage"), list_suggestions()
    )
    assert await measure_longest_answer(session, work) < LONGEST_S
    report, coverage, texts = work.result()
    assert "F401" in str(report)
    assert coverage["files"] == []
    assert data == "coverage.xml" or "cannot be read" in coverage["problem"]
    assert texts == ["completed()"]


async def test_too_many_ignore_rules_are_reported_once(
    start: Callable[..., Awaitable[Session]], tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "area.py").write_text(CODE)
    (workspace / ".gitignore").write_text("".join(f"*{n}*\n" for n in range(50_000)))
    (workspace / "ruff.toml").write_text("extend = '/dev/zero'\n")
    session = await start()
    await session.initialize()
    uri = session.open((workspace / "area.py").as_uri(), CODE)
    await session.wait_for_status(lambda status: status["index"] and status["index"]["state"] == "ready")
    assert await session.list_suggestions(uri, 4, 4) == []
    await session.execute("starling.review", uri=uri)
    end = time.monotonic() + 60
    while not (told := [message.message for message in session.client.messages if "left out" in message.message]):
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    assert len(told) == 1
    assert ".gitignore" in told[0]
