"""Transactions of several threads, which the state database commits together."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from server.state.databases import sqlite
from server.state.databases.sqlite import SqliteState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.sqlite

THREADS = 3


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    """Yield an open database with an empty table of numbers."""
    opened = SqliteState(tmp_path / "state.sqlite3")
    with opened.transaction() as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER)")
    yield opened
    opened.close()


def write(state: SqliteState, number: int) -> None:
    """Insert `number` in a transaction; fail inside of it if the number is negative."""
    with state.transaction() as connection:
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))
        if number < 0:
            raise ValueError(number)


def read(state: SqliteState) -> list[int]:
    """Return the numbers."""
    with state.use_connection() as connection:
        return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY number")]


def run_together(state: SqliteState, *calls: Callable[[], object]) -> list[Future[object]]:
    """Run `calls`, each in a thread, so that all wait for a first transaction; return them once they have ended."""
    with ThreadPoolExecutor(len(calls)) as pool:
        with state.transaction():
            running = [pool.submit(call) for call in calls]
            while state._waiting < len(calls):
                time.sleep(0.001)
        return running


def count_commits(state: SqliteState) -> int:
    """Return how often the database was changed, as its file says."""
    assert state.path is not None
    return int.from_bytes(state.path.read_bytes()[24:28], "big")


def test_transactions_that_wait_at_the_same_time_are_one_commit(state: SqliteState) -> None:
    before = count_commits(state)
    run_together(state, *(lambda number=number: write(state, number) for number in range(THREADS)))
    assert read(state) == list(range(THREADS))
    assert count_commits(state) - before <= 2


def test_one_that_fails_is_rolled_back_alone(state: SqliteState) -> None:
    ended = run_together(state, *(lambda number=number: write(state, number) for number in (1, -1, 2)))
    assert read(state) == [1, 2]
    assert [type(one.exception()) for one in ended] == [type(None), ValueError, type(None)]


def test_a_commit_that_fails_is_told_to_each_of_them(state: SqliteState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.0)
    state.close()
    state._closed = False  # so that it stays open, with the shorter time
    assert read(state) == []
    assert state.path is not None
    with closing(sqlite3.connect(state.path)) as other:
        reader = other.execute("SELECT * FROM sqlite_master")
        reader.fetchone()  # its lock keeps all others from committing
        with pytest.raises(StateError):
            run_together(state, *(lambda number=number: write(state, number) for number in range(THREADS)))
        ended = run_and_collect(state)
        reader.close()
    assert [type(one) for one in ended] == [StateError] * THREADS
    assert read(state) == []
    write(state, 7)
    assert read(state) == [7]


def run_and_collect(state: SqliteState) -> list[BaseException | None]:
    """Run transactions in threads at the same time; return their exceptions."""
    begin = threading.Barrier(THREADS)

    def write_with_others(number: int) -> None:
        begin.wait()
        write(state, number)

    with ThreadPoolExecutor(THREADS) as pool:
        return [one.exception() for one in [pool.submit(write_with_others, number) for number in range(THREADS)]]


def test_what_was_read_is_committed(state: SqliteState) -> None:
    seen: list[tuple[list[int], int]] = []

    def look() -> None:
        seen.append((read(state), count_commits(state)))

    before = count_commits(state)
    run_together(state, lambda: write(state, 1), look, lambda: write(state, 2), look)
    assert all(not numbers or commits > before for numbers, commits in seen)


def test_a_closed_database_commits_what_is_open_before_it_closes(state: SqliteState) -> None:
    state.close()
    run_together(state, lambda: write(state, 1), lambda: write(state, 2))
    assert read(state) == [1, 2]
