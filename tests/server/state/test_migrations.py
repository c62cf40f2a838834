"""Databases of every earlier version are brought to the newest without loss, by steps that only add."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from agents.ports.memory import Remembered, Source
from agents.ports.task_queue import NewTask
from server.state import migrations
from server.state.cost_ledger import Costs
from server.state.database import FILE
from server.state.databases.sqlite import SqliteState
from server.state.gate_records import GateRecords
from server.state.history.workflow_records import Workflows
from server.state.memory_store import MemoryStore
from server.state.session_store import SessionStore
from server.state.task_store import TaskStore

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.sqlite

RELEASED = Path(__file__).with_name("version_4.sql")  # by the first program that had this version
ADDING = re.compile(r"(CREATE TABLE|CREATE INDEX|ALTER TABLE \w+ ADD COLUMN) ")


def read_schema(path: Path) -> dict[str, list[tuple[str, str, int, int]]]:
    """Return name, affinity, NOT NULL and place in the key of each column, by table."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            table: [
                (name, "REAL" if kind in {"REAL", "DOUBLE PRECISION"} else kind.replace("BIGINT", "INTEGER"), null, key)
                for _, name, kind, null, _, key in connection.execute(f"PRAGMA table_info({table})")
            ]
            for (table,) in tables
            if not table.startswith("sqlite_")
        }


def open_and_close(path: Path) -> None:
    """Migrate the database at `path`."""
    state = SqliteState(path)
    with state.use_connection():
        pass
    state.close()


def build(path: Path, version: int) -> None:
    """Make a database of `version` from the steps, with one row in each table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for step in migrations.STEPS[:version]:
            for statement in step:
                connection.execute(migrations.SQLITE.render(statement))
        connection.execute(f"PRAGMA user_version = {version}")
        for table, columns in read_schema(path).items():
            values: Sequence[object] = [b"x" if kind == "BLOB" else 7 for _, kind, _, _ in columns]
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608


def read_rows(path: Path) -> dict[str, list[dict[str, object]]]:
    """Return all rows of all tables."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        queries = {table: f"SELECT * FROM {table}" for table in read_schema(path)}  # noqa: S608
        return {table: [dict(row) for row in connection.execute(query)] for table, query in queries.items()}


def test_steps_only_add() -> None:
    assert [one for step in migrations.STEPS for one in step if not ADDING.match(one)] == []


@pytest.mark.parametrize("version", range(migrations.NEWEST + 1))
def test_a_database_of_each_version_keeps_its_rows(tmp_path: Path, version: int) -> None:
    path, fresh = tmp_path / FILE, tmp_path / "fresh.sqlite3"
    build(path, version)
    before = read_rows(path)
    open_and_close(path)
    open_and_close(fresh)
    assert read_schema(path) == read_schema(fresh)
    after = read_rows(path)
    for table, rows in before.items():
        assert [{name: row[name] for name in rows[0]} for row in after[table]] == rows


def test_a_released_database_is_read_and_written_on(tmp_path: Path) -> None:
    path, fresh = tmp_path / FILE, tmp_path / "fresh.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(RELEASED.read_text(encoding="utf-8"))
    open_and_close(fresh)
    state = SqliteState(path)
    records, costs = GateRecords(state), Costs(state)
    assert [(one.id, one.subjects, one.answer_s) for one in records.list_requests(None, 9)] == [("r1", ("a.py",), 2.5)]
    assert [(one.request, one.written) for one in records.list_audit(9)] == [("r1", True)]
    checkpoint = records.find_checkpoint("c1")
    assert checkpoint is not None
    (kept,) = checkpoint.files
    assert (checkpoint.settled, kept.before and kept.before.text, kept.after) == (True, "x = 1\n", "x = 2\n")
    assert [one.id for one in Workflows(state).list_newest(9)] == ["w1"]
    assert [(one.prompt_tokens, one.cost) for one in costs.list_days(1)] == [(5_000_000_000, 0.125)]
    assert SessionStore(state).create("w", title="x").entries == 0
    MemoryStore(state).remember(Remembered("w", "a", "k", "v", Source.AGENT))
    assert TaskStore(state).add(NewTask("w", "x")).attempts == 0
    costs.close()
    assert read_schema(path) == read_schema(fresh)


def test_a_newer_database_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / FILE
    build(path, migrations.NEWEST)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE later (id INTEGER)")
        connection.execute(f"PRAGMA user_version = {migrations.NEWEST + 1}")
    before = path.read_bytes()
    with pytest.raises(StateError, match=r"was made by a newer Starling; install that one, or set STARLING_HOME"):
        open_and_close(path)
    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_the_version_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FILE
    build(path, 3)
    broken = (*migrations.STEPS[:4], ("CREATE TABLE half (id INTEGER)", "CREATE TABLE half (id INTEGER)"))
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "STEPS", broken)
        patched.setattr(migrations, "NEWEST", 5)
        with pytest.raises(StateError, match="already exists"):
            open_and_close(path)
    assert "half" not in read_schema(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    open_and_close(path)


def test_statements_are_those_of_both_databases() -> None:
    folder = Path(migrations.__file__).parent
    only_sqlite = re.compile(
        r"PRAGMA|INSERT OR|REPLACE INTO|AUTOINCREMENT|WITHOUT ROWID|\browid\b|GLOB|IFNULL|julianday"
    )
    found = {
        path.name: sorted(set(only_sqlite.findall(path.read_text(encoding="utf-8")))) for path in folder.rglob("*.py")
    }
    assert {name: words for name, words in found.items() if words} == {
        "sqlite.py": ["PRAGMA"],  # the one module that knows SQLite
        "migrations.py": ["AUTOINCREMENT", "PRAGMA", "WITHOUT ROWID"],  # in `SQLITE`
    }
