"""Vectors shared through a real PostgreSQL with the extension `vector`; skipped where there is none."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from indexing.vectors.vector_store import IndexNote, digest
from server.state.database import FILE
from server.state.databases import shared_vectors
from server.state.databases.addresses import parse_address
from server.state.databases.shared_vectors import MISSING, SharedVectors
from server.state.databases.transfer import list_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from server.state.database import State
    from server.state.databases.sqlite import SqliteState
    from tests import postgresql

psycopg = pytest.importorskip("psycopg", reason="psycopg, the extra `postgres`, is not installed")
MODEL = "scripted 1"
NOTE = IndexNote("oak", 12.5, 3, 9, MODEL, 0.5)
VECTORS = {digest("a"): (0.6, 0.8), digest("b"): (1.0, 0.0)}


@pytest.fixture
def extension_url(server: postgresql.Server, url: str) -> str:
    """Give the address of an empty schema in a database with the extension; skip where it is not installed."""
    with psycopg.connect(server.make_url(), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone() is None:
            pytest.skip("PostgreSQL has no extension `vector` (pgvector); name another one in TEST_POSTGRESQL")
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    return url


@pytest.fixture
def state(extension_url: str) -> Iterator[State]:
    """Give an empty database with the extension, and close it."""
    with closing(open_state(extension_url)) as opened:
        yield opened


def open_state(url: str) -> State:
    """Return the database at `url`."""
    from server.state.databases.postgresql import PostgresState  # noqa: PLC0415 (an extra)

    return PostgresState(parse_address(url))


def count(state: State) -> int:
    """Return the number of stored vectors."""
    with state.use_connection() as connection:
        return int(connection.execute("SELECT count(*) FROM vector_cache").fetchone()[0])


def test_what_one_server_stores_another_fetches_by_model_and_digest(state: State) -> None:
    one, two = SharedVectors(lambda: state), SharedVectors(lambda: state)
    assert one.fetch(MODEL, list(VECTORS)) == {}
    one.store(MODEL, VECTORS)
    one.store(MODEL, {digest("a"): (0.0, 1.0)})  # what is there stays
    found = two.fetch(MODEL, [*VECTORS, digest("c")])
    assert {key: tuple(map(float, vector)) for key, vector in found.items()} == {
        key: pytest.approx(vector) for key, vector in VECTORS.items()
    }
    assert two.fetch("scripted 2", list(VECTORS)) == {}
    assert one.problem == two.problem == ""
    with state.use_connection() as connection:
        rows = connection.execute("SELECT * FROM vector_cache").fetchall()
    assert {(row[0], bytes(row[1])) for row in rows} == {(MODEL, key) for key in VECTORS}


def test_tables_made_and_vectors_stored_by_many_at_once_are_there_once(state: State) -> None:
    stores = [SharedVectors(lambda: state) for _ in range(6)]
    many = {digest(str(number)): (1.0, float(number)) for number in range(50)}
    threads = [threading.Thread(target=one.store, args=(MODEL, many)) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.problem for one in stores] == [""] * 6
    assert count(state) == 50


def test_old_vectors_and_the_least_recently_used_of_too_many_are_deleted(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SharedVectors(lambda: state)
    store.store(MODEL, {digest(str(number)): (1.0, 0.0) for number in range(20)})
    with state.transaction() as connection:
        connection.execute("UPDATE vector_cache SET used = CURRENT_DATE - 100 WHERE digest = ?", (digest("0"),))
        connection.execute("UPDATE vector_cache SET used = CURRENT_DATE - 30 WHERE digest = ?", (digest("1"),))
        connection.execute("UPDATE vector_cache SET used = CURRENT_DATE - 20 WHERE digest = ?", (digest("2"),))
    assert store.fetch(MODEL, [digest("1")])  # its date is renewed
    monkeypatch.setattr(shared_vectors, "MOST_ROWS", 19)
    monkeypatch.setattr(shared_vectors, "EVICT_EVERY", 1)
    store.store(MODEL, {digest("new"): (1.0, 0.0)})
    left = store.fetch(MODEL, [digest(str(number)) for number in range(20)])
    assert digest("0") not in left
    assert digest("2") not in left
    assert digest("1") in left
    assert count(state) <= 19


def test_servers_see_each_others_notes_about_a_workspace(state: State) -> None:
    one, two = SharedVectors(lambda: state), SharedVectors(lambda: state)
    (own,) = one.exchange(b"w", NOTE)
    assert (own.server, own.indexed_at, own.files, own.chunks, own.model, own.share) == ("oak", 12.5, 3, 9, MODEL, 0.5)
    assert abs(own.noted_at - time.time()) < 300
    both = two.exchange(b"w", IndexNote("elm", None, 0, 0, MODEL, None))
    assert [note.server for note in both] == ["elm", "oak"]
    assert [note.server for note in two.exchange(b"other", NOTE)] == ["oak"]
    assert len(two.exchange(b"w", NOTE)) == 2


def test_no_export_has_the_tables(state: State) -> None:
    SharedVectors(lambda: state).store(MODEL, VECTORS)
    assert not {"vector_cache", "index_notes"} & {table.name for table in list_tables()}


def test_a_locked_table_delays_for_seconds_and_is_then_left_alone(
    state: State, extension_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_vectors, "STATEMENT_S", 1)
    store = SharedVectors(lambda: state)
    store.store(MODEL, VECTORS)
    with psycopg.connect(extension_url) as connection:
        connection.execute("LOCK TABLE vector_cache IN ACCESS EXCLUSIVE MODE")
        begun = time.monotonic()
        assert store.fetch(MODEL, list(VECTORS)) == {}
        assert time.monotonic() - begun < 10
        assert "cancelled" in store.problem
    begun = time.monotonic()
    assert store.fetch(MODEL, list(VECTORS)) == {}
    assert time.monotonic() - begun < 0.5
    monkeypatch.setattr(store, "_rests_until", 0.0)
    assert len(store.fetch(MODEL, list(VECTORS))) == 2
    assert store.problem == ""


def test_without_the_extension_nothing_is_shared_and_a_sentence_says_how_to_get_it(
    server: postgresql.Server, url: str
) -> None:
    with psycopg.connect(server.make_url(), autocommit=True) as connection:
        connection.execute("DROP EXTENSION IF EXISTS vector CASCADE")
    with closing(open_state(url)) as opened:
        store = SharedVectors(lambda: opened)
        store.store(MODEL, VECTORS)
        assert store.fetch(MODEL, list(VECTORS)) == {}
        assert store.exchange(b"w", NOTE) == ()
        assert store.problem == MISSING
        with opened.use_connection() as used:
            assert used.execute("SELECT to_regclass('vector_cache')").fetchone()[0] is None


def test_a_database_that_cannot_be_opened_is_reported_and_left_alone(tmp_path: Path) -> None:
    calls = []

    def fail() -> SqliteState:
        """Raise StateError."""
        calls.append(1)
        raise StateError("The database is on fire.")

    store = SharedVectors(fail)
    for _ in range(3):
        assert store.fetch(MODEL, list(VECTORS)) == {}
    assert store.problem.endswith("The database is on fire.")
    assert len(calls) == 1
    assert not (tmp_path / FILE).exists()
