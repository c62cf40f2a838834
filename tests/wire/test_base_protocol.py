"""Messages through a pipe: every message before the end of input is answered in JSON, then the server ends."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire import forking
from tests.wire.conftest import PROGRAM, wait_for
from tests.wire.serving import build_frame, build_initialize, parse_bodies

if TYPE_CHECKING:
    from pathlib import Path

SHUTDOWN = {"jsonrpc": "2.0", "id": 8, "method": "shutdown"}
EXIT = {"jsonrpc": "2.0", "method": "exit"}
STATUS = {"jsonrpc": "2.0", "id": 2, "method": "workspace/executeCommand", "params": {"command": "starling.status"}}


async def run_piped(folder: Path, *messages: object) -> tuple[list[dict[str, Any]], int, str]:
    """Send `messages` to a server and close its input; return its answers, its exit status, and its stderr."""
    environment = {**os.environ, "STARLING_HOME": str(folder / "home"), "STARLING_MODEL__ENABLED": "false"}
    with forking.fork_servers():
        server = await asyncio.create_subprocess_exec(
            *PROGRAM, env=environment, cwd=folder,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    out, err = await wait_for(server.communicate(b"".join(map(build_frame, messages))))
    assert server.returncode is not None
    return parse_bodies(out), server.returncode, err.decode()


@pytest.mark.parametrize("last", [(EXIT,), ()], ids=["exit", "end of input"])
async def test_messages_before_the_end_of_input_are_handled_first(tmp_path: Path, last: tuple[object, ...]) -> None:
    answers, status, _ = await run_piped(tmp_path, build_initialize(), SHUTDOWN, *last)
    assert [answer["id"] for answer in answers] == [1, 8]
    assert "result" in answers[1]
    assert status == 0


async def test_requests_before_shutdown_are_answered_before_it(tmp_path: Path) -> None:
    answers, status, _ = await run_piped(tmp_path, build_initialize(), STATUS, SHUTDOWN, {**STATUS, "id": 3}, EXIT)
    assert sorted(answer["id"] for answer in answers) == [1, 2, 3, 8]
    assert {answer["id"] for answer in answers if "error" in answer} == {3}
    assert answers.index(next(a for a in answers if a["id"] == 2)) < answers.index(
        next(a for a in answers if a["id"] == 8)
    )
    assert status == 0


async def test_a_request_before_the_end_of_input_is_answered(tmp_path: Path) -> None:
    answers, status, _ = await run_piped(tmp_path, build_initialize(), STATUS)
    assert [answer["id"] for answer in answers] == [1, 2]
    assert status == 1  # nobody said `exit`


@pytest.mark.parametrize("process", [-1, 0, 2**31, 2**70, 1.5, "12", None, [], True])
async def test_any_process_id_is_accepted(tmp_path: Path, process: object) -> None:
    answers, status, said = await run_piped(tmp_path, build_initialize(processId=process), SHUTDOWN, EXIT)
    assert ["result" in answer for answer in answers] == [True, True]
    assert (status, said) == (0, "")


async def test_a_message_that_is_too_long_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    answers, status, _ = await run_piped(tmp_path, build_initialize(), b" " * 140_000_000, SHUTDOWN, EXIT)
    assert [answer["id"] for answer in answers] == [1, None, 8]
    assert "was left unread" in answers[1]["error"]["message"]
    assert status == 0


async def test_an_invalid_header_is_answered_before_the_connection_ends(tmp_path: Path) -> None:
    environment = {**os.environ, "STARLING_HOME": str(tmp_path / "home"), "STARLING_MODEL__ENABLED": "false"}
    server = await asyncio.create_subprocess_exec(
        *PROGRAM, env=environment, cwd=tmp_path, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await wait_for(server.communicate(build_frame(build_initialize()) + b"Content-Length: x\r\n\r\n{}"))
    assert [answer["id"] for answer in parse_bodies(out)] == [1, None]
    assert "the connection ends" in parse_bodies(out)[1]["error"]["message"]
    assert server.returncode == 1
