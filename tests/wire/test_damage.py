"""Starling's files are damaged in every way under a running server: it answers, and repairs them within seconds."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from server.state.database import FILE as STATE
from tests.wire.conftest import SCRIPTED, WAIT_S
from tests.wire.test_taken_away import begin, search

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]
    Harm = Callable[[Path], None]

LOOK_AGAIN_S = 0.1  # short waits would slow the repair, which runs on the same machine
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]  # root minds modes, too


def empty(path: Path) -> None:
    """Truncate the file to nothing."""
    os.truncate(path, 0)


def cut(path: Path) -> None:
    """Truncate the file to half its size."""
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    """Overwrite the file in place with random bytes."""
    with path.open("r+b") as file:
        file.write(os.urandom(max(4096, path.stat().st_size)))


def replace(path: Path) -> None:
    """Replace the file by another one with random bytes."""
    other = path.with_name("other")
    other.write_bytes(os.urandom(20_000))
    other.replace(path)


def delete(path: Path) -> None:
    """Delete the file or folder."""
    path.unlink() if path.is_file() else shutil.rmtree(path)


def swap_kind(path: Path) -> None:
    """Replace a file by a folder, or a folder by a file."""
    if path.is_file():
        path.unlink()
        path.mkdir()
        (path / "inside").write_text("something")
    else:
        shutil.rmtree(path)
        path.write_text("in the way")


def deny_access(path: Path) -> None:
    """Take all permissions of the file or folder away."""
    path.chmod(0)


def list_databases(home: Path) -> list[Path]:
    return [*(home / "cache" / "index").glob("*.sqlite3"), *(home / "state").glob("*.sqlite3")]


def is_whole(home: Path) -> bool:
    """Return whether both databases exist, are intact and have their tables."""
    found = list_databases(home)
    try:
        for path in found:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as opened:
                if opened.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                    return False
                opened.execute(f"SELECT count(*) FROM {'requests' if path.name == STATE else 'files'}")  # noqa: S608
    except sqlite3.Error:
        return False
    return len(found) == 2


async def wait_until_repaired(session: Session, uri: str, name: str) -> None:
    """Wait until every part works as before, and a new file called `name` is found by a search."""
    end = time.monotonic() + WAIT_S
    wrong: object = "?"
    while wrong:
        assert time.monotonic() < end, wrong
        assert await session.list_suggestions(uri, 0, 4) == ["completed()"]
        health = await session.execute("starling.health")
        wrong = [check["message"] for check in health["checks"] if not check["ok"]]
        wrong = wrong or (await session.execute("starling.approvals"))["problem"]
        wrong = wrong or not is_whole(session.home)
        wrong = wrong or await search(session, "compute_7") != "module7.py"
        if name and not wrong:
            session.write(f"{name}.py", f"def {name}(wing):\n    return wing\n")
            await session.wait_for_status(lambda status: status["index"]["state"] == "ready")
            wrong = await search(session, name) != f"{name}.py"
        if wrong:
            await asyncio.sleep(LOOK_AGAIN_S)
    assert session.process.returncode is None


@pytest.mark.parametrize("harm", [empty, cut, overwrite, replace, delete, swap_kind, deny_access])
async def test_damaged_files_are_repaired_while_the_server_answers(start: Start, harm: Harm) -> None:
    is_root = hasattr(os, "getuid") and os.getuid() == 0
    program = [*UNPRIVILEGED, *SCRIPTED] if harm is deny_access and is_root else SCRIPTED
    session = await begin(lambda: start(command=program))
    uri = session.open("untitled:one", "x = \n")
    await session.execute("starling.approvals")
    home = session.home
    index = home / "cache" / "index"
    kinds: dict[str, Callable[[], list[Path]]] = {
        "index": lambda: [each for each in index.iterdir() if each.is_file()],
        "index_database": lambda: list(index.glob("*.sqlite3")),
        "index_lock": lambda: list(index.glob("*.lock")),
        "index_segment": lambda: list(index.glob("*.segment")),
        "state": lambda: [home / "state" / STATE],
        "log": lambda: [home / "log" / "starling.log"],
    }
    if harm in {delete, swap_kind, deny_access}:
        folders = {"index": index, "cache": home / "cache", "state": home / "state", "log": home / "log"}
        kinds |= {f"{name}_folder": lambda path=path: [path] for name, path in folders.items()}  # type: ignore[misc]
    for kind, paths in kinds.items():
        before = len(session.client.messages)
        for path in paths():
            harm(path)
        await wait_until_repaired(session, uri, f"zeppelin_{kind}")
        told = [each.message for each in session.client.messages[before:]]
        assert len(told) <= 1, (kind, told)
        if kind in {"index_database", "state"} and harm is not deny_access:
            assert len(told) == 1, kind
