"""The server starts without the team of agents: a person who never talks to it waits for none of its modules."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.wire.conftest import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

pytestmark = pytest.mark.real_start

LISTING = """
import os, runpy, sys
from pathlib import Path

listed, sys.argv, leave = Path(sys.argv.pop()), sys.argv[1:], os._exit

def list_and_leave(status):
    listed.write_text("\\n".join(sys.modules))
    leave(status)

os._exit = list_and_leave
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A program that runs another one, and writes the names of all imported modules into a file at the end."""


async def test_a_server_that_is_ready_has_not_imported_the_team(start: Start, tmp_path: Path) -> None:
    listed = tmp_path / "modules"
    session = await start(command=[sys.executable, "-c", LISTING, *PROGRAM[1:], str(listed)])
    await session.initialize()
    await session.shut_down()
    modules = listed.read_text("utf-8").splitlines()
    assert "server.assembly.core" in modules
    assert [name for name in modules if name.startswith("agents.team")] == []
