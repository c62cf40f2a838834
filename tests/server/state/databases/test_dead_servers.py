"""Servers that share a PostgreSQL database: another one judges within seconds what a killed one has left open."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from server.gate.recovery import recover_requests
from server.state import requests
from server.state.databases import heartbeats
from server.state.databases.addresses import parse_address
from tests import postgresql
from tests.server.gate.bench import Bench, make_proposal
from tests.server.state.processes import start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from server.gate.records import Request

pytest.importorskip("psycopg", reason="psycopg, the extra `postgres`, is not installed")

MACHINE = "another-machine"
DEAD_S = 2.0
# changes a file on another machine with the same disk, and stops before or after the write
SERVER = """
import asyncio, platform, sys
from pathlib import Path
platform.node = lambda: sys.argv[1]
from server.state.databases import heartbeats
heartbeats.BEAT_S = 0.2
from server.state.databases.addresses import parse_address
from server.state.databases.postgresql import PostgresState
from tests.server.gate.bench import Bench, make_proposal

class Stopping:
    settle_s = 0.0
    def __init__(self, disk):
        self.disk = disk
    def read_text(self, uri, path):
        return self.disk.read_text(uri, path)
    async def apply(self, proposal, *, confirm, request=""):
        if sys.argv[4] == "after":
            await self.disk.apply(proposal, confirm=confirm, request=request)
        print("inside", flush=True)
        await asyncio.sleep(600)

bench = Bench(Path(sys.argv[2]), state=PostgresState(parse_address(sys.argv[3])))
bench.gate._workplace = Stopping(bench.gate._disk)
asyncio.run(bench.gate.propose(make_proposal(bench.change("a.py", "1", "2"))))
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Give a server on this machine with a file `a.py`; a server without a heartbeat counts as ended soon."""
    from server.state.databases.postgresql import PostgresState  # noqa: PLC0415 (an extra)

    monkeypatch.setattr(heartbeats, "DEAD_S", DEAD_S)
    address = parse_address(postgresql.get_server().make_url(f"d{abs(hash(str(tmp_path)))}"))
    with closing(PostgresState(address)) as state:
        one = Bench(tmp_path, state=state)
        one.put("a.py", b"x = 1\n")
        one.gate.journal.recover()  # as a server has done long ago
        yield one


def start_server(bench: Bench, stops: str, machine: str = MACHINE) -> subprocess.Popen[str]:
    """Start a server on another machine, and wait until it has stopped "before" or "after" the write."""
    process = start(SERVER, machine, bench.base, bench.state.shared_as, stops)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    return process


def kill_server(bench: Bench, stops: str, machine: str = MACHINE) -> None:
    """Start a server as `start_server` does, and kill it."""
    with start_server(bench, stops, machine) as process:
        process.kill()


def recover(bench: Bench) -> Request:
    """Close the requests of servers that have ended; return the oldest request."""
    recover_requests(bench.gate.journal.records, lambda person: person or "ann")
    return bench.gate.journal.records.list_requests(None, 9)[-1]


def wait_until_closed(bench: Bench) -> Request:
    """Return the oldest request once it is closed."""
    until = time.monotonic() + 60
    while not (found := recover(bench)).verdict:
        assert time.monotonic() < until
        time.sleep(0.1)
    return found


async def test_a_change_that_was_made_is_recorded_as_made_while_files_move_on(bench: Bench) -> None:
    kill_server(bench, "after")
    assert (await bench.gate.propose(make_proposal(bench.change("a.py", "2", "3")))).applied
    found = wait_until_closed(bench)
    assert (found.verdict, found.askable) == ("applied", False)
    (row,) = bench.gate.journal.records.list_audit(9, request=found.id)
    assert (row.written, row.who) == (True, "ann")
    assert bench.read("a.py") == b"x = 3\n"


def test_a_change_whose_text_is_on_this_disk_was_made(bench: Bench) -> None:
    kill_server(bench, "after")
    found = wait_until_closed(bench)
    assert found.verdict == "applied"
    assert time.time() - found.created < 60


def test_a_change_that_cannot_be_judged_from_here_waits_for_its_machine(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_server(bench, "before")
    until = time.monotonic() + 3 * DEAD_S
    while not bench.gate.journal.records.list_abandoned():
        assert time.monotonic() < until + 60
        time.sleep(0.1)
    assert recover(bench).status == "approved"
    with monkeypatch.context() as there:
        there.setattr(requests.platform, "node", lambda: MACHINE)
        found = recover(bench)
    assert (found.verdict, "before the change was made" in found.reason, found.askable) == ("failed", True, True)


def test_after_an_hour_it_is_said_that_the_files_cannot_be_judged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_server(bench, "before")
    monkeypatch.setattr(requests, "ELSEWHERE_S", 0.0)
    found = recover(bench)
    assert (found.verdict, found.askable) == ("failed", True)
    assert found.reason.startswith(f"The server on {MACHINE} ended while it was made, and its files cannot be seen")


def test_a_server_that_lives_keeps_its_requests(bench: Bench) -> None:
    with start_server(bench, "before") as process:
        until = time.monotonic() + 2 * DEAD_S
        while time.monotonic() < until:
            assert recover(bench).status == "approved"
            assert bench.gate.journal.records.list_abandoned() == ()
            time.sleep(0.2)
        process.kill()


def test_no_server_counts_as_ended_right_after_postgresql_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.state.transaction() as connection:
        connection.execute("INSERT INTO heartbeats (host, pid, begun, beat) VALUES ('x', 1, 2.5, 0)")
    for limit, expected in ((1_000_000_000.0, frozenset[object]()), (0.0, {("x", 1, 2.5)})):
        monkeypatch.setattr(heartbeats, "DEAD_S", limit)
        with bench.state.use_connection() as connection:
            assert heartbeats.read_dead(connection) == expected
    with bench.state.transaction() as connection:
        heartbeats.beat(connection)  # forgets it
        assert connection.execute("SELECT host, pid, begun FROM heartbeats").fetchall() == [
            heartbeats.identify_process()
        ]
