"""The state in a SQLite file: private, begun anew where it is lost, and clear about what is wrong with it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from agents.ports.failures import StateError
from indexing.limits import IndexLimits
from server.assembly import gates
from server.gate.ports import Verdict
from server.gate.question.scripted_person import ScriptedAsker
from server.state import migrations
from server.state.database import FILE
from server.state.databases import sqlite
from server.state.databases.sqlite import SqliteState
from tests.server.state.test_database import fill, list_ids

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.sqlite


def test_only_its_user_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "private" / FILE
    database = SqliteState(path)
    fill(database, "a")
    modes = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    database.close()


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.touch(mode=0o644)
    SqliteState(path).close()
    database = SqliteState(path)
    list_ids(database)
    assert path.stat().st_mode & 0o777 == 0o600
    database.close()


def test_one_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="newer Starling"):
        list_ids(SqliteState(path))
    assert path.read_bytes()[:100] != b""
    assert before[60:64] == path.read_bytes()[60:64]


def test_a_damaged_one_is_kept_and_a_new_one_is_begun(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"no database at all" * 100)
    told: list[str] = []
    database = SqliteState(path, told.append)
    fill(database, "a")
    assert list_ids(database) == {"a"}
    database.close()
    (kept,) = tmp_path.glob("*.damaged-*")
    assert kept.read_bytes() == b"no database at all" * 100
    assert told == [f"{path} was damaged and is kept as {kept.name}; a new one is started."]


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(range(256)) * (path.stat().st_size // 256))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [overwrite, cut])
def test_one_that_is_damaged_while_it_is_open_is_kept_by_whoever_sees_it_first(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = tmp_path / FILE
    told: list[str] = []
    databases = [SqliteState(path, told.append) for _ in range(2)]
    for number, database in enumerate(databases):
        fill(database, str(number))
    harm(path)
    damaged = path.read_bytes()
    assert list_ids(databases[0]) == set()
    fill(databases[1], "b")
    assert list_ids(databases[0]) == {"b"}
    (kept,) = tmp_path.glob("*.damaged-*")
    assert kept.read_bytes() == damaged
    assert told == [f"{path} was damaged and is kept as {kept.name}; a new one is started."] * 2
    for database in databases:
        database.close()


def test_damage_that_shows_in_the_middle_of_a_use_is_said_and_the_next_use_succeeds(tmp_path: Path) -> None:
    path = tmp_path / FILE
    database = SqliteState(path)
    for number in range(200):
        fill(database, f"{number}" * 300)
    database.close()
    half = path.stat().st_size // 2  # behind the schema, so that opening it shows nothing yet
    with path.open("r+b") as file:
        file.seek(half)
        file.write(b"\xff" * half)
    with pytest.raises(StateError, match="was damaged and is kept"):
        list_ids(database)
    assert list_ids(database) == set()
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_one_that_is_emptied_is_begun_anew_and_that_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / FILE
    told: list[str] = []
    database = SqliteState(path, told.append)
    fill(database, "a")
    os.truncate(path, 0)
    fill(database, "b")
    assert list_ids(database) == {"b"}
    assert told == [f"{path} was emptied, with what was recorded in it; a new one is started."]
    database.close()


def test_a_folder_in_its_place_is_moved_aside_with_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.mkdir()
    (path / "mine").write_text("something")
    database = SqliteState(path)
    fill(database, "a")
    assert list_ids(database) == {"a"}
    database.close()
    assert [each.read_text() for each in tmp_path.glob("*.set-aside-*/mine")] == ["something"]


def test_the_log_of_an_older_program_is_given_up_once_nobody_uses_it(tmp_path: Path) -> None:
    path = tmp_path / FILE
    database = SqliteState(path)
    fill(database, "a")
    database.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as older:
        older.execute("PRAGMA journal_mode = WAL")
        older.execute("UPDATE checkpoints SET title = 'x'")
        assert list_ids(database) == {"a"}
        assert older.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    fill(database, "b")
    assert list_ids(database) == {"a", "b"}
    database.close()
    assert [each.name for each in tmp_path.iterdir()] == [FILE]
    assert path.read_bytes()[18:20] == b"\x01\x01"  # no log


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="STARLING_HOME"):
        list_ids(SqliteState(tmp_path / "file" / "state" / FILE))


def test_a_pipe_in_the_place_of_its_folder_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state")
    with pytest.raises(StateError, match="could not be used"):
        list_ids(SqliteState(tmp_path / "state" / FILE))
    assert (tmp_path / "state").is_fifo()


def test_a_full_disk_is_named_and_the_next_try_may_succeed(tmp_path: Path) -> None:
    database = SqliteState(tmp_path / FILE)
    with database.use_connection() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match="The disk is full"):
        fill(database, "x" * 1_000_000)
    with database.use_connection() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    fill(database, "x" * 1_000_000)
    database.close()


def test_one_that_another_holds_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    one, two = SqliteState(tmp_path / FILE), SqliteState(tmp_path / FILE)
    list_ids(two)
    with one.transaction(), pytest.raises(StateError, match="held by another"):
        fill(two, "a")
    fill(two, "a")
    assert list_ids(one) == {"a"}
    one.close()
    two.close()


def test_migrations_are_numbered_and_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / FILE
    old = SqliteState(path)
    fill(old, "a")
    old.close()

    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, ("CREATE TABLE later (id INTEGER)",)))
    monkeypatch.setattr(migrations, "NEWEST", migrations.NEWEST + 1)
    for _ in range(2):
        new = SqliteState(path)
        assert list_ids(new) == {"a"}
        new.close()


@pytest.mark.parametrize("gone", ["folder", "file"])
def test_one_that_is_taken_away_is_begun_anew_and_that_is_said_once(tmp_path: Path, gone: str) -> None:
    path = tmp_path / "state" / FILE
    told: list[str] = []
    database = SqliteState(path, told.append)
    fill(database, "a")
    if gone == "folder":
        shutil.rmtree(path.parent)
    else:
        path.unlink()
    fill(database, "b")
    fill(database, "c")
    other = SqliteState(path)
    assert list_ids(database) == list_ids(other) >= {"b", "c"}
    assert told == [f"{path} was deleted, with what was recorded in it; a new one is started."]
    assert path.stat().st_mode & 0o777 == 0o600
    database.close()
    other.close()


def test_one_that_is_replaced_by_another_is_the_one_that_is_used(tmp_path: Path) -> None:
    path, other = tmp_path / FILE, SqliteState(tmp_path / "other.sqlite3")
    database = SqliteState(path)
    fill(database, "a")
    fill(other, "b")
    other.close()
    (tmp_path / "other.sqlite3").rename(path)
    assert list_ids(database) == {"b"}
    database.close()


def test_a_use_after_closing_leaves_nothing_open(tmp_path: Path) -> None:
    database = SqliteState(tmp_path / FILE)
    fill(database, "a")
    database.close()
    fill(database, "b")
    assert list_ids(database) == {"a", "b"}
    assert open_below(tmp_path) == []


async def test_a_gate_that_is_closed_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    gate = gates.make_disk_gate([tmp_path], ScriptedAsker(()), IndexLimits())
    assert (await gate.undo()).verdict is Verdict.REFUSED
    assert open_below(tmp_path) != []
    await gate.close()
    assert open_below(tmp_path) == []


def open_below(folder: Path) -> list[str]:
    return [one.path for one in psutil.Process().open_files() if Path(one.path).is_relative_to(folder)]
