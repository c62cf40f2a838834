"""Export of the whole state, and import into SQLite and PostgreSQL, in each direction."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from contextlib import closing
from operator import itemgetter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import binary, characters, floats, integers, lists, sampled_from, text, tuples
from hypothesis.strategies import data as draws

from agents.ports.failures import StateError
from server.state import migrations
from server.state.databases import transfer
from server.state.databases.sqlite import SqliteState
from server.state.databases.transfer import TransferRefused, export_state, import_state, list_tables
from server.state.migrations import SQLITE
from server.state.statements import make_storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hypothesis.strategies import DataObject

    from server.state.database import State

KINDS = ("sqlite", "postgresql")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str, str], State]]:
    """Give a function that opens an empty database of a kind; skips where PostgreSQL is not installed."""
    opened: list[State] = []

    def make_one(kind: str, name: str) -> State:
        if kind == "postgresql":
            pytest.importorskip("psycopg", reason="psycopg, the extra `postgres`, is not installed")
            from server.state.databases.addresses import parse_address  # noqa: PLC0415
            from server.state.databases.postgresql import PostgresState  # noqa: PLC0415 (an extra)
            from tests import postgresql  # noqa: PLC0415

            url = postgresql.get_server().make_url(f"x{abs(hash((str(tmp_path), name)))}")
            opened.append(PostgresState(parse_address(url)))
        else:
            opened.append(SqliteState(tmp_path / f"{name}.sqlite3"))
        return opened[-1]

    yield make_one
    for state in opened:
        state.close()


def fill(state: State, rows: int = 3) -> None:
    """Put rows with all kinds of values into every table."""
    columns = read_columns()
    with state.transaction() as connection:
        for table in list_tables():
            names = [name for name, _ in columns[table.name] if not (table.is_numbered and name == "id")]
            marks = ", ".join("?" * len(names))
            query = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
            kinds = dict(columns[table.name])
            connection.executemany(
                query,
                [[make_value(kinds[name], f"{number} {name}", number) for name in names] for number in range(rows)],
            )
        if rows > 1:
            connection.execute("DELETE FROM audit WHERE id = 2")  # numbers have gaps
            connection.execute("UPDATE queued_tasks SET deadline = NULL, name = NULL")


def make_value(kind: str, text: str, number: int) -> object:
    """Return a value for a column of this type."""
    if kind == "TEXT":
        return f"{text} ä€\N{GRINNING FACE}\r\n\t\"'\\"
    if kind == "BLOB":
        return bytes(range(256)) + bytes([number])
    return number + 0.1234567890123456 if kind == "DOUBLE PRECISION" else 2_000_000_000 + number


def read_columns() -> dict[str, list[tuple[str, str]]]:
    """Return names and types of the columns of all tables, as SQLite has them."""
    with closing(SqliteState(None)) as state, state.use_connection() as connection:
        return {
            table.name: [(row[1], row[2].partition(" PRIMARY")[0]) for row in
                         connection.execute(f"PRAGMA table_info({table.name})").fetchall()]
            for table in list_tables()
        }  # fmt: skip


def read_all(state: State) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all tables."""
    with state.use_connection() as connection:
        return {
            table.name: sorted(connection.execute(f"SELECT * FROM {table.name}").fetchall(), key=repr)  # noqa: S608
            for table in list_tables()
        }


def export(state: State) -> bytes:
    """Return the file of an export."""
    stream = io.BytesIO()
    export_state(state, stream)
    return stream.getvalue()


def write_lines(*lines: object) -> bytes:
    """Return a file of these lines, with a right end."""
    stream = io.BytesIO()
    writer = transfer._Writer(stream)
    for line in lines:
        writer.write(line)
    writer.end(sum(isinstance(line, list) for line in lines))
    return stream.getvalue()


def test_every_table_of_the_migrations_is_known() -> None:
    with closing(SqliteState(None)) as state, state.use_connection() as connection:
        found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {table.name for table in list_tables()} == {name for name in found if not name.startswith("sqlite_")}
    numbered = {table.name for table in list_tables() if table.is_numbered}
    steps = " ".join(statement for step in migrations.STEPS for statement in step)
    assert len(numbered) == steps.count("{serial}")
    assert SQLITE.keep_numbers == ""


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_what_is_exported_is_imported_unchanged(make: Callable[[str, str], State], source: str, target: str) -> None:
    one, two = make(source, "one"), make(target, "two")
    fill(one)
    file = export(one)
    done = import_state(two, io.BytesIO(file))
    assert (done.tables, done.rows) == (len(list_tables()), 3 * len(list_tables()) - 1)
    assert read_all(two) == read_all(one)
    assert export(two) == file
    with two.transaction() as connection:  # numbers go on
        connection.execute(
            "INSERT INTO activity_logs (workspace, agent, activity, details, at) VALUES ('', '', '', '', 0)"
        )
        assert connection.execute("SELECT max(id) FROM activity_logs").fetchone()[0] == 4


INTEGERS = integers(-(2**63), 2**63 - 1)
SMALL_INTEGERS = integers(-(2**31), 2**31 - 1)  # of a column for truth values and small counts
NUMBERS = integers(1, 2**62)  # which a database gives rows itself
FLOATS = floats(allow_nan=False).filter(lambda value: str(value) != "-0.0")  # SQLite stores NULL and 0.0 for these
TEXTS = text(characters(), max_size=30).map(make_storable) | sampled_from(
    [make_storable("a\0b\ud800"), "\U0010ffff\u202e\ufeff", "e\u0301", "\x7f\x85\u2028", "long ä " * 3_000]
)
BLOBS = binary(max_size=60) | sampled_from([b"\0" * 9_000, bytes(range(256))])


@settings(
    max_examples=5,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(drawn=draws())
@pytest.mark.parametrize(("source", "target"), [KINDS, KINDS[::-1]])
def test_any_rows_go_to_the_other_database_and_give_the_same_file(
    make: Callable[[str, str], State], source: str, target: str, drawn: DataObject
) -> None:
    kinds = {"TEXT": TEXTS, "BLOB": BLOBS, "DOUBLE PRECISION": FLOATS, "INTEGER": SMALL_INTEGERS}
    one, two = make(source, f"one{source}"), make(target, f"two{target}")
    all_columns = read_columns()
    with one.transaction() as connection:
        for table in list_tables():
            connection.execute(f"DELETE FROM {table.name}")  # noqa: S608
            columns = all_columns[table.name]
            values = tuples(
                *(
                    NUMBERS if table.is_numbered and name == "id" else kinds.get(kind, INTEGERS)
                    for name, kind in columns
                )
            )
            singles = [i for i, (name, _) in enumerate(columns) if name in {"id", "name"} or name == table.key]
            keys = singles or [i for i, (name, _) in enumerate(columns) if name in table.key.split(", ")]
            unique = tuple(itemgetter(i) for i in singles) or itemgetter(*keys)
            rows = drawn.draw(lists(values, min_size=1, max_size=2, unique_by=unique))
            names, marks = ", ".join(name for name, _ in columns), ", ".join("?" * len(columns))
            keeps = one.dialect.keep_numbers if table.is_numbered else ""
            connection.executemany(f"INSERT INTO {table.name} ({names}){keeps} VALUES ({marks})", rows)  # noqa: S608
    file = export(one)
    import_state(two, io.BytesIO(file), replaces=True)
    assert export(two) == file
    assert read_all(two) == read_all(one)


@pytest.mark.parametrize("target", KINDS)
def test_a_database_that_is_not_empty_is_replaced_only_when_told(
    make: Callable[[str, str], State], target: str
) -> None:
    one, two = make("sqlite", "one"), make(target, "two")
    fill(one)
    file = export(one)
    fill(two, rows=1)
    before = read_all(two)
    with pytest.raises(TransferRefused, match="not empty"):
        import_state(two, io.BytesIO(file))
    assert read_all(two) == before
    import_state(two, io.BytesIO(file), replaces=True)
    assert read_all(two) == read_all(one)


@pytest.mark.parametrize("target", KINDS)
def test_a_file_that_was_cut_off_or_changed_is_refused_as_a_whole(
    make: Callable[[str, str], State], target: str
) -> None:
    one, two = make("sqlite", "one"), make(target, "two")
    fill(one)
    fill(two, rows=1)
    file, before = export(one), read_all(two)
    plain = gzip.decompress(file)
    lines = plain.splitlines(keepends=True)
    harmed = [
        file[:-1], file[: len(file) // 2], file + b"x", b"", b"no file at all", plain,
        file[:200] + bytes([file[200] ^ 1]) + file[201:],
        gzip.compress(b"".join(lines[:-1])), gzip.compress(b"".join(lines[:5] + lines[6:])),
        gzip.compress(plain.replace(b"1 title", b"1 tItle", 1)), gzip.compress(plain + lines[-1]),
        gzip.compress(plain[:-1]), gzip.compress(lines[0]),
    ]  # fmt: skip
    for number, data in enumerate(harmed):
        with pytest.raises(TransferRefused):
            import_state(two, io.BytesIO(data), replaces=True)
        assert read_all(two) == before, number


def test_lines_of_others_are_refused(make: Callable[[str, str], State]) -> None:
    head = {"starling": "state", "format": 1, "version": migrations.NEWEST}
    table = {"table": "costs", "columns": ["day"]}
    two = make("sqlite", "two")
    for lines in (
        [{**head, "starling": "x"}], [{**head, "version": "1"}], [[]], [head, ["x"]],
        [head, {"table": "x", "columns": ["y"]}],
        [head, {"table": "costs", "columns": ["day; DROP TABLE costs"]}], [head, {"table": "costs", "columns": []}],
        [head, {"table": "costs", "columns": ["day", "day"]}], [head, {"table": ["costs"], "columns": ["day"]}],
        [head, {"table": "costs", "columns": [["day"]]}], [head, table, table], [head, table, ["a", "b"]],
        [head, table, 5],
        [head, table, [True]], [head, table, [{"bytes": "?"}]], [head, table, [["x"]]], [head, table, "x"],
    ):  # fmt: skip
        with pytest.raises(TransferRefused):
            import_state(two, io.BytesIO(write_lines(*lines)))
    with pytest.raises(StateError):  # a row without what it needs
        import_state(two, io.BytesIO(write_lines(head, table, ["2026-01-01"])))
    assert not any(read_all(two).values())


def test_a_file_of_a_newer_version_is_refused(make: Callable[[str, str], State]) -> None:
    head = {"starling": "state", "format": 1, "version": migrations.NEWEST + 1}
    for newer in (head, {**head, "format": 2, "version": 1}):
        with pytest.raises(TransferRefused, match="newer Starling"):
            import_state(make("sqlite", "two"), io.BytesIO(write_lines(newer)))


def test_a_file_of_an_older_version_gets_the_defaults_of_later_columns(make: Callable[[str, str], State]) -> None:
    names = ["id", "workspace", "title", "details", "role", "priority", "parent", "status", "created", "changed"]
    row = ["t", "file:///shop", "x", "", "", 2, "", "queued", 1.5, 1.5]
    file = write_lines(
        {"starling": "state", "format": 1, "version": 7}, {"table": "queued_tasks", "columns": names}, row
    )
    for kind in KINDS:
        state = make(kind, kind)
        import_state(state, io.BytesIO(file))
        with state.use_connection() as connection:
            found = connection.execute("SELECT id, created, workflow, writes, attempts FROM queued_tasks").fetchall()
        assert [tuple(one) for one in found] == [("t", 1.5, "", 1, 0)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_state_takes_little_memory(make: Callable[[str, str], State], kind: str, tmp_path: Path) -> None:
    """Thirty megabytes go through a few."""
    one, two = make(kind, "one"), make(kind, "two")
    with one.transaction() as connection:
        for number in range(300):
            connection.execute(
                "INSERT INTO kept_proposals (request, created, bytes, content) VALUES (?, 0, 0, ?)",
                (str(number), number.to_bytes(2, "big") * 50_000),
            )
    file = tmp_path / "file"
    tracemalloc.start()
    try:
        with file.open("wb") as stream:
            export_state(one, stream)
        with file.open("rb") as stream:
            import_state(two, stream)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read_all(two) == read_all(one)
    assert peak < 25_000_000
