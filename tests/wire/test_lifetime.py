"""The end of the server: with its client, on request, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.wire.conftest import SCRIPTED, WAIT_S, wait_for, wait_for_exit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

pytestmark = pytest.mark.real_start


async def begin_busy_session(session: Session) -> list[psutil.Process]:
    """Begin a session whose model computes an endless answer while it indexes; return the server's processes."""
    for number in range(40):
        session.write(f"module{number}.py", "def f(x):\n    return x\n" * 200)
    await session.initialize()
    uri = session.open("untitled:1", "x = \n")
    session.ask(uri, 0, 4).add_done_callback(lambda answer: answer.cancelled() or answer.exception())  # type: ignore[attr-defined]
    await session.wait_for_status(lambda status: status["model"] and status["model"]["state"] == "ready")
    return session.list_processes()


async def test_shutdown_and_exit_end_everything_with_success(start: Start) -> None:
    session = await start(reply="endless " * 1000, token_s=0.1)
    family = await begin_busy_session(session)
    await wait_for(session.client.shutdown_async(None))
    session.client.exit(None)
    assert await wait_for(session.process.wait()) == 0
    await wait_for_exit(family)


async def test_exit_without_shutdown_ends_everything_with_failure(start: Start) -> None:
    session = await start(reply="endless " * 1000, token_s=0.1)
    family = await begin_busy_session(session)
    session.client.exit(None)
    assert await wait_for(session.process.wait()) == 1
    await wait_for_exit(family)


async def test_the_end_of_input_ends_everything(start: Start) -> None:
    session = await start(reply="endless " * 1000, token_s=0.1)
    family = await begin_busy_session(session)
    assert session.process.stdin is not None
    session.process.stdin.close()
    await wait_for(session.process.wait())
    await wait_for_exit(family)


async def test_a_request_to_terminate_ends_everything(start: Start) -> None:
    session = await start(reply="endless " * 1000, token_s=0.1)
    family = await begin_busy_session(session)
    session.process.send_signal(signal.SIGTERM)
    assert await wait_for(session.process.wait()) == 0
    await wait_for_exit(family)


async def test_a_server_killed_outright_leaves_no_process_behind(start: Start) -> None:
    session = await start(reply="endless " * 1000, token_s=0.1)
    family = await begin_busy_session(session)
    session.process.kill()
    await wait_for(session.process.wait())
    await wait_for_exit(family)


async def test_a_client_that_is_killed_takes_the_server_with_it_though_its_input_stays_open(start: Start) -> None:
    session = await start()
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    await session.initialize(process_id=client.pid)
    family = session.list_processes()
    client.kill()
    await client.wait()
    await wait_for_exit(family)


async def test_a_process_that_cannot_be_seen_is_not_taken_for_dead(start: Start) -> None:
    session = await start()
    nobody = max(psutil.pids()) + 100_000
    await session.initialize(process_id=nobody)
    assert await session.list_suggestions(session.open("untitled:1", "x = \n"), 0, 4)


async def test_what_a_library_prints_does_not_reach_the_protocol(tmp_path: Path) -> None:
    program = tmp_path / "noisy.py"
    program.write_text(
        "import os, runpy, sys, threading\n"
        "from server.assembly import core; from server.lsp.serving import stdio\n"
        "def build(roots, options, old):\n"
        "    print('from python', flush=True)\n"
        "    os.write(1, b'from a library')\n"
        "    os.system('echo from a child')\n"
        "    return core.build(roots, options, old)\n"
        "stdio.serve_stdio(build)\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(SCRIPTED[1]).parents[2]),
        "STARLING_HOME": str(tmp_path / "home"),
    }
    messages = [
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"rootUri":null,"capabilities":{}}}',
        '{"jsonrpc":"2.0","method":"initialized","params":{}}',
        '{"jsonrpc":"2.0","id":2,"method":"workspace/executeCommand","params":{"command":"starling.health"}}',
    ]
    server = await asyncio.create_subprocess_exec(
        sys.executable, str(program), env=environment, cwd=tmp_path,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write("".join(f"Content-Length: {len(message)}\r\n\r\n{message}" for message in messages).encode())
    out = await asyncio.wait_for(server.stdout.readuntil(b'"server"'), WAIT_S)  # of the answer to starling.health
    server.stdin.close()
    rest, err = await wait_for(server.communicate())
    assert out.startswith(b"Content-Length: ")
    assert b"from" not in out + rest
    assert all(said in err for said in (b"from python", b"from a library", b"from a child"))
