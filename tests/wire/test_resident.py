"""One resident server for several windows: shared while it lives, isolated, and replaced when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import make_test_lsp_client

from server.lsp.front.session_memory import MOST_CHANGES
from tests.wire.conftest import PROGRAM, WAIT_S, Session, wait_for, wait_for_exit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [
    pytest.mark.real_start,
    pytest.mark.skipif(os.name != "posix", reason="there are no Unix sockets here, so every editor has its own server"),
]
FUNCTION = "\ndef is_missing(value={}):\n    return value\n"
WRONG = "[]"


class Windows:
    """Windows of one person, whose files are in `home`."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self._folder = folder
        self.opened: list[Session] = []

    async def open(self, name: str = "workspace", *, resident: str = "on", **variables: str) -> Session:
        """Open a window on the workspace `name`: start its server, and initialize its session."""
        workspace = self._folder / name
        workspace.mkdir(exist_ok=True)
        quiet = {"STARLING_MODEL__ENABLED": "false", "STARLING_MODEL__HINT": "false"}
        environment = {
            **os.environ, **quiet, "STARLING_HOME": str(self.home), "STARLING_RESIDENT": resident, **variables,
        }  # fmt: skip
        client = make_test_lsp_client()
        await client.start_io(PROGRAM[0], *PROGRAM[1:], env=environment, cwd=workspace, limit=1 << 27)
        session = Session(client, workspace, self.home)
        self.opened.append(session)
        await session.initialize()
        return session

    def find_residents(self) -> list[psutil.Process]:
        """Return the resident servers of this person."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                if line[-2:-1] == ["resident"] and Path(line[-1]).is_relative_to(self.home):
                    found.append(process)
        return found

    def find_resident(self) -> psutil.Process:
        """Return the one resident server."""
        (process,) = self.find_residents()
        return process


@pytest.fixture
async def windows(tmp_path: Path) -> AsyncIterator[Windows]:
    """Yield the windows of a person; end all their processes after the test."""
    home = Path(tempfile.mkdtemp(prefix="h", dir=os.environ.get("TMPDIR")))  # short enough for a socket's path
    made = Windows(home, tmp_path)
    yield made
    for session in made.opened:
        with contextlib.suppress(ProcessLookupError):
            session.process.kill()
    for resident in made.find_residents():
        for process in (*resident.children(recursive=True), resident):
            with contextlib.suppress(psutil.Error):
                process.kill()
    for session in made.opened:
        with contextlib.suppress(asyncio.CancelledError):
            await wait_for(session.client.stop())
    shutil.rmtree(home, ignore_errors=True)


async def wait_for_finding(session: Session, uri: str) -> types.Diagnostic:
    """Wait until the one finding of a document is the changeable default, and return it."""
    async with asyncio.timeout(WAIT_S):
        while {str(item.code) for item in session.client.diagnostics.get(uri) or ()} != {"mutable-default"}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return session.client.diagnostics[uri][0]


async def wait_until_served(session: Session) -> None:
    """Wait until a resident server answers the window."""
    async with asyncio.timeout(WAIT_S):
        while True:
            with contextlib.suppress(JsonRpcException):  # asked of the old process
                await session.execute("starling.status")
                return


async def kill_resident(windows: Windows) -> None:
    """Kill the resident server, and wait until another one serves."""
    old = windows.find_resident()
    old.kill()
    await wait_for_exit([old])
    async with asyncio.timeout(WAIT_S):
        while not windows.find_residents():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_windows_share_one_process_and_each_ends_alone(windows: Windows) -> None:
    first, second = await windows.open("first"), await windows.open("second")
    resident = windows.find_resident()
    assert first.process.pid != second.process.pid != resident.pid
    (socket,) = (windows.home / "run").glob("serve-*.sock")
    assert stat.S_IMODE(socket.lstat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    await wait_for(first.client.shutdown_session())
    assert await wait_for(first.process.wait()) == 0
    status = await second.execute("starling.status")
    assert status["state"] == "ready"
    assert resident.is_running()


async def test_a_window_sees_nothing_of_another_one(windows: Windows) -> None:
    first, second = await windows.open("first"), await windows.open("second")
    path = first.write("a.py", FUNCTION.format(WRONG))
    first.open(path.as_uri(), FUNCTION.format(WRONG))
    second.open(path.as_uri(), FUNCTION.format("None"))
    await wait_for_finding(first, path.as_uri())
    assert not second.client.diagnostics.get(path.as_uri())
    found = await second.execute("starling.search", query="is_missing", limit=5)
    assert "first" not in str(found)


async def test_a_session_goes_on_in_another_process_with_the_text_as_it_was(windows: Windows) -> None:
    one, two = await windows.open("one"), await windows.open("two")
    for session in (one, two):
        uri = session.open((session.workspace / "a.py").as_uri(), FUNCTION.format(""))
        session.change(uri, 2, 1, len("def is_missing(value="), WRONG)
        await wait_for_finding(session, uri)
        session.client.diagnostics.clear()
    await kill_resident(windows)
    for session in (one, two):
        uri = (session.workspace / "a.py").as_uri()
        finding = await wait_for_finding(session, uri)
        assert finding.range.start.line == 1
        session.change(uri, 3, 0, 0, "\n")
        session.client.diagnostics.clear()
        assert (await wait_for_finding(session, uri)).range.start.line == 2
    windows.find_resident()  # one for both


async def test_requests_in_hand_are_answered_once(windows: Windows) -> None:
    session = await windows.open()
    uri = session.open((session.workspace / "a.py").as_uri(), FUNCTION.format(WRONG))
    resident = windows.find_resident()
    resident.send_signal(signal.SIGSTOP)
    reading = session.ask(uri, 1, 4)
    params = types.ExecuteCommandParams("starling.generate", [{"uri": uri}])
    writing = asyncio.ensure_future(session.client.workspace_execute_command_async(params))
    await asyncio.sleep(0.2)  # until the front has passed them on
    resident.kill()
    await wait_for(reading)
    with pytest.raises(JsonRpcException, match="started again; ask once more"):
        await wait_for(writing)
    assert (await session.execute("starling.status"))["state"]


async def test_a_long_history_is_replaced_by_the_text(windows: Windows) -> None:
    session = await windows.open()
    uri = session.open((session.workspace / "a.py").as_uri(), "")
    for number in range(MOST_CHANGES + 50):
        session.change(uri, number + 2, 0, 0, f"# {number}\n")
    session.change(uri, 1000, MOST_CHANGES + 50, 0, FUNCTION.format(WRONG))
    await wait_for_finding(session, uri)
    session.client.diagnostics.clear()
    await kill_resident(windows)
    assert (await wait_for_finding(session, uri)).range.start.line == MOST_CHANGES + 51


async def test_a_process_that_keeps_dying_is_given_up_and_the_person_is_told(windows: Windows) -> None:
    session = await windows.open()
    others = await windows.open("others")
    for _ in range(3):
        for one in (session, others):
            await wait_until_served(one)
        for resident in windows.find_residents():
            resident.kill()
            await wait_for_exit([resident])
    for one in (session, others):
        await wait_for(one.process.wait())
    assert session.process.returncode == 1
    assert "3 times within a minute" in session.client.messages[-1].message


async def test_another_environment_has_another_process_but_not_another_terminal(windows: Windows) -> None:
    await windows.open("first", WINDOWID="1", TMUX_PANE="%1")
    await windows.open("second", WINDOWID="2", TMUX_PANE="%2")
    assert len(windows.find_residents()) == 1
    await windows.open("third", VIRTUAL_ENV="/somewhere")
    assert len(windows.find_residents()) == 2


async def test_without_it_each_window_has_its_own_process(windows: Windows) -> None:
    await windows.open(resident="off")
    assert windows.find_residents() == []


async def test_a_name_that_is_too_long_for_a_socket_means_a_process_of_its_own(windows: Windows) -> None:
    windows.home = windows.home / ("long" * 30)
    session = await windows.open()
    assert (await session.execute("starling.status"))["state"] == "ready"
    assert windows.find_residents() == []


async def test_it_ends_when_its_socket_is_deleted_and_its_windows_go_on_elsewhere(windows: Windows) -> None:
    session = await windows.open()
    old = windows.find_resident()
    (socket,) = (windows.home / "run").glob("serve-*.sock")
    socket.unlink()
    second = await windows.open("second")
    assert len(windows.find_residents()) == 2
    await wait_for(session.client.shutdown_session())
    await wait_for_exit([old])
    assert (await second.execute("starling.status"))["state"] == "ready"


async def test_the_end_of_input_and_exit_without_shutdown_end_the_front_with_failure(windows: Windows) -> None:
    first, second = await windows.open("first"), await windows.open("second")
    assert first.process.stdin is not None
    first.process.stdin.close()
    assert await wait_for(first.process.wait()) == 1
    second.client.exit(None)
    assert await wait_for(second.process.wait()) == 1


async def test_an_editor_that_is_killed_ends_its_session_though_its_pipes_stay_open(windows: Windows) -> None:
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    session = await windows.open()
    session = await windows.open("second")
    del session
    third = make_test_lsp_client()
    environment = {**os.environ, "STARLING_HOME": str(windows.home), "STARLING_RESIDENT": "on",
                   "STARLING_MODEL__ENABLED": "false", "STARLING_MODEL__HINT": "false"}  # fmt: skip
    await third.start_io(PROGRAM[0], *PROGRAM[1:], env=environment, limit=1 << 27)
    orphan = Session(third, windows.home, windows.home)
    windows.opened.append(orphan)
    await orphan.initialize(process_id=client.pid)
    client.kill()
    await client.wait()
    assert await wait_for(orphan.process.wait()) == 1
    windows.find_resident()
