"""The state database, SQLite or PostgreSQL: shared by threads and processes, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from server.state.database import FILE, Area
from tests.states import make_state

if TYPE_CHECKING:
    from server.state.database import State

ROOT = Path(__file__).resolve().parents[3]


def fill(database: State, value: str) -> None:
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO checkpoints (id, request, created, title, settled, undoes, bytes)"
            " VALUES (?, '', 0, '', 0, '', 0)",
            (value,),
        )


def list_ids(database: State) -> set[str]:
    with database.use_connection() as connection:
        return {row[0] for row in connection.execute("SELECT id FROM checkpoints")}


def test_what_fails_inside_leaves_nothing(tmp_path: Path) -> None:
    database = make_state(tmp_path / FILE)

    def fail() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO audit (at) VALUES (1)")

    with pytest.raises(StateError):
        fail()
    fill(database, "b")
    assert list_ids(database) == {"b"}
    database.close()


def test_several_processes_begin_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / FILE
    code = (
        "import sys; from tests.states import make_state\n"
        "from tests.server.state.test_database import fill\n"
        "database = make_state(sys.argv[1])\n"
        "for number in range(20): fill(database, f'{sys.argv[2]}-{number}')\n"
        "database.close()"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(number)], cwd=ROOT, stderr=subprocess.PIPE)
        for number in range(4)
    ]
    failed = [process.communicate(timeout=60)[1].decode() for process in running]
    assert failed == [""] * 4
    database = make_state(path)
    assert len(list_ids(database)) == 80
    database.close()


def test_several_threads_share_one(tmp_path: Path) -> None:
    database = make_state(tmp_path / FILE)
    threads = [threading.Thread(target=fill, args=(database, str(number))) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list_ids(database)) == 20
    database.close()


def test_a_transaction_inside_of_another_one_is_an_error(state: State) -> None:
    with pytest.raises(StateError), state.transaction(), state.transaction():
        pass
    fill(state, "a")
    assert list_ids(state) == {"a"}


def test_a_query_inside_of_a_transaction_sees_what_it_has_written(state: State, other: State) -> None:
    with state.transaction() as connection:
        connection.execute("INSERT INTO session_openings (session, owner, since) VALUES ('a', 'b', 0)")
        with state.use_connection() as same:
            assert same.execute("SELECT count(*) FROM session_openings").fetchone()[0] == 1
    with other.use_connection() as connection:
        assert connection.execute("SELECT count(*) FROM session_openings").fetchone()[0] == 1


@pytest.mark.parametrize("areas", [(), (Area.GATE,), (Area.GATE, Area.FIGURES)])
def test_what_is_checked_in_a_transaction_holds_while_it_writes(
    state: State, other: State, areas: tuple[Area, ...]
) -> None:
    """Each of two threads adds a row with the number of rows before it; no two may see the same number."""

    def add(used: State) -> None:
        for _ in range(10):
            with used.transaction(*areas) as connection:
                count = connection.execute("SELECT count(*) FROM session_openings").fetchone()[0]
                connection.execute("INSERT INTO session_openings (session, owner, since) VALUES ('', ?, 0)", (count,))

    threads = [threading.Thread(target=add, args=(used,)) for used in (state, other, state)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with state.use_connection() as connection:
        owners = {int(row[0]) for row in connection.execute("SELECT owner FROM session_openings")}
    assert owners == set(range(30))


def test_a_use_after_closing_opens_it_again(state: State) -> None:
    fill(state, "a")
    state.close()
    fill(state, "b")
    assert list_ids(state) == {"a", "b"}


def test_the_stamp_and_the_mark_differ_after_others_have_written(state: State, other: State) -> None:
    fill(state, "a")
    stamp, mark = state.read_stamp(), state.read_mark()
    assert (state.read_stamp(), state.read_mark()) == (stamp, mark)
    fill(other, "b" * 5000)
    assert state.read_stamp() != stamp
    assert state.read_mark() != mark


def test_everything_is_read_as_of_one_moment(state: State) -> None:
    for number in range(500):
        fill(state, f"{number}" * 20)
    with state.read_moment() as connection:
        rows = iter(connection.execute("SELECT id FROM checkpoints ORDER BY id"))
        next(rows)
        assert len(list(rows)) == 499
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone()[0] == 500


def test_texts_that_a_database_may_refuse_are_not_found(state: State) -> None:
    with state.use_connection() as connection:
        assert connection.execute("SELECT id FROM checkpoints WHERE id = ?", ("a\0b",)).fetchone() is None


def test_texts_are_in_the_order_of_their_code_points(state: State) -> None:
    for one in ("a", "B", "ä", "_", "Z", "10", "9"):
        fill(state, one)
    with state.use_connection() as connection:
        found = [row[0] for row in connection.execute("SELECT id FROM checkpoints ORDER BY id")]
    assert found == sorted(found)
