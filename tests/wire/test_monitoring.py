"""A real server with metrics turned on: what Prometheus reads from it, and its health."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.models.test_metrics import read_values
from tests.wire.conftest import PROGRAM, wait_for
from tests.wire.test_team import Talk, _endpoint, approve_and_apply, begin  # noqa: F401 (a fixture)

if TYPE_CHECKING:
    from tests.wire.conftest import Session
    from tests.wire.test_team import Start


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address at which a server that is started later shows its metrics."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("STARLING_METRICS__LISTEN", f"127.0.0.1:{port}")
    return f"http://127.0.0.1:{port}"


def fetch(url: str) -> str:
    """Return the text of a page of the server."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (our own address)
        return str(answer.read().decode())


async def read(address: str) -> dict[str, float]:
    """Return the server's metrics."""
    return read_values(await asyncio.to_thread(fetch, f"{address}/metrics"))


async def test_requests_index_and_health_of_a_session_are_shown(start: Start, address: str) -> None:
    session: Session = await start(command=PROGRAM)
    session.write("area.py", "def area(r):\n    return 3 * r\n")
    await session.initialize()
    status = await session.wait_for_index(1)
    assert (status["index"]["coverage"], status["index"]["lag_s"]) == (1.0, 0.0)
    values = await read(address)
    assert values['starling_requests_total{method="starling.status",outcome="ok"}'] >= 1
    assert values['starling_request_seconds_count{method="starling.status"}'] >= 1
    assert values["starling_index_files"] == 1
    assert values["starling_index_coverage_ratio"] == 1
    assert values["starling_sessions"] == 1
    assert values['starling_resident_bytes{process="children"}'] > 0  # the indexing process
    health = json.loads(await asyncio.to_thread(fetch, f"{address}/health"))
    assert health["status"] == "ok"
    assert {"record", "index", "model", "settings"} <= set(health["parts"])
    assert health["parts"]["index"]["message"] == "The index is ready and holds 1 files."


@pytest.mark.usefixtures("_endpoint")
async def test_a_write_is_counted_as_asked_approved_and_applied_and_tokens_are_counted(
    start: Start, address: str
) -> None:
    talk, path = await begin(start)
    assert isinstance(talk, Talk)
    asking = talk.ask("@coder use pi", mode="act")
    await approve_and_apply(talk, path)
    await wait_for(asking)
    values = await read(address)
    assert values['starling_gate_asked_total{tool="write_file"}'] == 1
    assert values['starling_gate_approved_total{tool="write_file"}'] == 1
    assert values['starling_gate_ended_total{tool="write_file",verdict="applied"}'] == 1
    assert values['starling_gate_answer_seconds_count{tool="write_file"}'] == 1
    assert values['starling_chat_answers_total{model="scripted",outcome="ok"}'] == 2
    assert values['starling_chat_tokens_total{kind="prompt",model="scripted"}'] > 0
    assert values['starling_requests_total{method="starling.ask",outcome="ok"}'] == 1


async def test_a_second_server_says_that_the_address_is_taken_and_works(start: Start, address: str) -> None:
    first: Session = await start(command=PROGRAM)
    await first.initialize()
    second: Session = await start(command=PROGRAM)
    await second.initialize()
    status = await second.wait_for_status(lambda one: one["state"] == "ready")
    assert [one for one in status["problems"] if "No metrics are shown at 127.0.0.1" in one]
    assert (await read(address))["starling_sessions"] == 1


async def test_without_the_setting_nothing_listens(start: Start, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STARLING_METRICS__LISTEN")
    session: Session = await start(command=PROGRAM)
    await session.initialize()
    with pytest.raises(urllib.error.URLError):
        await asyncio.to_thread(fetch, f"{address}/metrics")
