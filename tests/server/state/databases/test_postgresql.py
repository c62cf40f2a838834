"""The state on a real PostgreSQL server: restarts, locks, mistakes of a person; skipped where none is installed."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from agents.ports.task_queue import NewTask
from server.state import migrations
from server.state.database import Area
from server.state.databases.addresses import parse_address
from server.state.task_store import TaskStore
from tests.server.state.databases import restart_under_load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.state.databases.postgresql import PostgresState
    from tests import postgresql

PLACE = "file:///shop"
psycopg = pytest.importorskip("psycopg", reason="psycopg, the extra `postgres`, is not installed")


@pytest.fixture
def state(url: str) -> Iterator[PostgresState]:
    """Give an empty database, and close it."""
    with closing(open_state(url)) as opened:
        yield opened


def open_state(url: str, password: str = "") -> PostgresState:
    """Return the database at `url`."""
    from server.state.databases.postgresql import PostgresState  # noqa: PLC0415 (an extra)

    return PostgresState(parse_address(url), lambda: password)


def write(state: PostgresState, name: str, *areas: Area) -> None:
    """Insert a row with the name; fails where it is there already."""
    with state.transaction(*areas) as connection:
        connection.execute("INSERT INTO session_openings (session, owner, since) VALUES (?, '', 0)", (name,))


def read(state: PostgresState) -> set[str]:
    """Return the names of the rows."""
    with state.use_connection() as connection:
        return {row[0] for row in connection.execute("SELECT session FROM session_openings")}


def end_all(server: postgresql.Server, statement: str = "") -> int:
    """End the connections of Starling that run `statement`, all for ""; return their number."""
    with psycopg.connect(server.make_url(), autocommit=True) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'starling' AND query LIKE %s",
            (f"%{statement}%",),
        )
        return len(ended.fetchall())


def count_connections(server: postgresql.Server, application: str) -> int:
    """Return the number of the connections of an application."""
    with psycopg.connect(server.make_url()) as admin:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        return int(admin.execute(query, (application,)).fetchone()[0])  # type: ignore[index]


@pytest.mark.parametrize("kill", [False, True])
def test_after_a_restart_it_goes_on(server: postgresql.Server, state: PostgresState, kill: bool) -> None:  # noqa: FBT001
    write(state, "before")
    server.stop(kill=kill)
    starting = threading.Timer(0.5, server.start)
    starting.start()
    write(state, "after")  # waits for it
    assert read(state) == {"before", "after"}
    starting.join()
    server.stop(kill=kill)
    server.start()
    assert read(state) == {"before", "after"}


def test_a_transaction_that_is_cut_off_is_reported_and_leaves_nothing(
    server: postgresql.Server, state: PostgresState
) -> None:
    with pytest.raises(StateError, match="cannot be reached"), state.transaction() as connection:  # noqa: PT012
        connection.execute("INSERT INTO session_openings (session, owner, since) VALUES ('a', '', 0)")
        end_all(server)
        connection.execute("INSERT INTO session_openings (session, owner, since) VALUES ('b', '', 0)")
    assert read(state) == set()


@pytest.mark.parametrize("arrives", [True, False])
def test_a_commit_whose_answer_is_lost_is_neither_doubled_nor_reported_as_failed(
    state: PostgresState,
    monkeypatch: pytest.MonkeyPatch,
    arrives: bool,  # noqa: FBT001
) -> None:
    """Cuts the connection right after the server has committed, or right before it would."""
    real = psycopg.Connection.execute

    def cut(self: object, query: object, *rest: object, **options: object) -> object:
        if query == "COMMIT":
            monkeypatch.undo()
            if arrives:
                real(self, query)
            self.close()  # type: ignore[attr-defined]
        return real(self, query, *rest, **options)

    write(state, "first")
    monkeypatch.setattr(psycopg.Connection, "execute", cut)
    if arrives:
        write(state, "second")
        assert read(state) == {"first", "second"}
    else:
        with pytest.raises(StateError):
            write(state, "second")
        assert read(state) == {"first"}


def test_of_areas_only_the_same_wait_for_each_other(url: str, state: PostgresState) -> None:
    with closing(open_state(url)) as other, ThreadPoolExecutor(1) as pool:
        for held, wanted, waits in (
            (Area.GATE, Area.GATE, True), (Area.GATE, Area.TASKS, False), (Area.ALL, Area.TASKS, True),
            (Area.TASKS, Area.ALL, True), (Area.TASKS, Area.ROWS, False), (Area.ROWS, Area.ALL, True),
        ):  # fmt: skip
            with state.transaction(held):
                writing = pool.submit(write, other, f"{held} {wanted}", wanted)
                time.sleep(0.3)
                assert writing.done() is not waits, (held, wanted)
            writing.result()


def test_whoever_waits_too_long_for_another_is_told(
    url: str, state: PostgresState, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.state.databases import postgresql as module  # noqa: PLC0415 (an extra)

    monkeypatch.setattr(module, "_SET", "SET LOCAL lock_timeout = '100ms'")
    with closing(open_state(url)) as other, state.transaction(), pytest.raises(StateError, match="another Starling"):
        write(other, "a")
    write(state, "a")


def test_a_process_that_stands_still_in_a_transaction_stops_no_other_for_good(
    url: str, state: PostgresState, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.state.databases import postgresql as module  # noqa: PLC0415 (an extra)

    monkeypatch.setattr(module, "_SET", "SET LOCAL idle_in_transaction_session_timeout = '200ms'")
    with closing(open_state(url)) as other:
        with pytest.raises(StateError), state.transaction(Area.GATE) as connection:  # noqa: PT012
            write(other, "a", Area.GATE)
            connection.execute("SELECT 1")
        assert read(other) == {"a"}


def test_threads_that_take_tasks_at_once_take_each_once_and_in_order(url: str) -> None:
    with closing(open_state(url)) as state:
        added = [TaskStore(state).add(NewTask(PLACE, str(number))).id for number in range(60)]
    begin, taken = threading.Barrier(6), list[tuple[str, list[str]]]()

    def work(name: str) -> None:
        with closing(open_state(url)) as own:
            queue, mine = TaskStore(own), list[str]()
            begin.wait()
            while (claimed := queue.claim(PLACE, name)) is not None:
                mine.append(claimed.id)
                assert queue.finish(claimed, "done")
            taken.append((name, mine))

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(one for _, mine in taken for one in mine) == Counter(added)
    places = {one: number for number, one in enumerate(added)}
    assert all(mine == sorted(mine, key=places.__getitem__) for _, mine in taken)


def test_a_task_that_another_transaction_holds_is_skipped(url: str, state: PostgresState) -> None:
    queue = TaskStore(state)
    first, second = (queue.add(NewTask(PLACE, name)) for name in ("first", "second"))
    with closing(open_state(url)) as other, other.transaction(Area.ROWS) as connection:
        connection.execute("SELECT id FROM queued_tasks WHERE id = ? FOR UPDATE", (first.id,))
        claimed = queue.claim(PLACE, "w")
        assert claimed is not None
        assert claimed.id == second.id
        assert queue.claim(PLACE, "w") is None
    left = queue.claim(PLACE, "w")
    assert left is not None
    assert left.id == first.id


def test_threads_use_few_connections(server: postgresql.Server, url: str) -> None:
    url += "&application_name=threads"  # an ending connection of another test is not counted
    with closing(open_state(url)) as state, closing(open_state(url)) as other:
        with ThreadPoolExecutor(30) as pool:
            list(pool.map(lambda number: write((state, other)[number % 2], str(number)), range(90)))
        assert len(read(state)) == 90
        assert 1 <= count_connections(server, "threads") <= 8
    until = time.monotonic() + 20
    while count_connections(server, "threads"):
        assert time.monotonic() < until, "nothing stays open"
        time.sleep(0.05)


def test_one_of_a_newer_program_is_left_alone(url: str, state: PostgresState) -> None:
    write(state, "a")
    state.close()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("UPDATE starling SET version = version + 1")
    with closing(open_state(url)) as other, pytest.raises(StateError, match="newer Starling"):
        read(other)


def test_an_older_one_is_migrated_and_keeps_its_rows(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrations, "STEPS", migrations.STEPS[:5])
        older.setattr(migrations, "NEWEST", 5)
        with closing(open_state(url)) as state, state.transaction() as connection:
            connection.execute(
                "INSERT INTO sessions (id, workspace, title, role, state, created, changed)"
                " VALUES ('s', ?, 'x', '', 'idle', 1, 1)", (PLACE,),
            )  # fmt: skip
    with closing(open_state(url)) as state, state.use_connection() as connection:
        assert connection.execute("SELECT id, leased FROM sessions").fetchall() == [("s", 0)]
        assert connection.execute("SELECT count(*) FROM task_proposals").fetchone() == (0,)


def test_tables_that_are_taken_away_are_made_anew(url: str, state: PostgresState) -> None:
    write(state, "a")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("DROP TABLE session_openings, starling")
    with pytest.raises(StateError, match="tables of Starling are missing"):
        read(state)
    state.close()
    # what is left of the old tables is not taken for new ones
    with closing(open_state(url)) as other, pytest.raises(StateError, match="already exists"):
        read(other)


def test_a_place_where_nothing_listens_is_said_at_once() -> None:
    begun = time.monotonic()
    with pytest.raises(StateError, match="cannot be reached") as caught:
        read(open_state("postgresql://x@127.0.0.1:1/y"))
    assert time.monotonic() - begun < 5
    assert "127.0.0.1:1/y" in str(caught.value)


def test_a_missing_database_and_a_database_of_another_encoding_are_said(server: postgresql.Server) -> None:
    with pytest.raises(StateError, match='database "absent" does not exist'):
        read(open_state(server.make_url().replace("/starling?", "/absent?")))
    with psycopg.connect(server.make_url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE old TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc")
    with pytest.raises(StateError, match="encoding UTF8"):
        read(open_state(server.make_url().replace("/starling?", "/old?")))


def test_a_user_without_rights_is_told_what_is_missing(server: postgresql.Server) -> None:
    with psycopg.connect(server.make_url(), autocommit=True) as admin:
        admin.execute("CREATE ROLE guest LOGIN")
        admin.execute("CREATE SCHEMA closed")
    closed = server.make_url("closed").replace("starling@", "guest@")
    with pytest.raises(StateError, match=r"too few rights|no schema"):
        read(open_state(closed))


def test_a_password_is_asked_for_and_never_shown(server: postgresql.Server, caplog: pytest.LogCaptureFixture) -> None:
    with psycopg.connect(server.make_url(), autocommit=True) as admin:
        admin.execute("CREATE ROLE known LOGIN PASSWORD 'hunter2-hunter2'")
        admin.execute("CREATE SCHEMA known AUTHORIZATION known")
    rules = server.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("local all known scram-sha-256\n" + before)
    try:
        server.stop()
        server.start()
        known = server.make_url("known").replace("starling@", "known@")
        for wrong in ("", "hunter3-hunter3"):
            with closing(open_state(known, wrong)) as state, pytest.raises(StateError, match="password") as caught:
                read(state)
            assert "hunter" not in str(caught.value) + caplog.text
        os.environ.pop("PGPASSWORD", None)
    finally:
        rules.write_text(before)
        server.stop()
        server.start()


def test_what_is_thrown_inside_leaves_nothing_and_the_connection_works(state: PostgresState) -> None:
    with pytest.raises(KeyboardInterrupt), state.transaction() as connection:  # noqa: PT012
        connection.execute("INSERT INTO session_openings (session, owner, since) VALUES ('a', '', 0)")
        raise KeyboardInterrupt
    write(state, "b")
    with pytest.raises(StateError, match="duplicate key"):
        write(state, "b")
    assert read(state) == {"b"}


@pytest.mark.parametrize("kill", [False, True])
def test_processes_that_write_while_it_is_restarted_lose_and_double_nothing(
    server: postgresql.Server,
    url: str,
    kill: bool,  # noqa: FBT001
) -> None:
    figures = restart_under_load.measure(server, url, 8, kill=kill)
    assert min(figures["accepted"].values()) > 0
    assert figures["workers with tasks"] > 1
