"""Export of the whole state into one file, and import from it: a backup, and the way between SQLite and PostgreSQL.

The file is gzip over lines of JSON: a head with the version of the tables; for each table its name and columns, then
its rows; and an end with the number of rows and a checksum of all that is before it, so that a file that was cut off or
changed is refused as a whole. Neither direction holds more than some rows in memory. Start at `export_state` and
`import_state`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from server.state import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.state.database import State
    from server.state.statements import Connection

FORMAT = 1
LONGEST_LINE = 300_000_000
"""Bytes of a row: the contents of one file in a checkpoint, at most 100 MB, are the longest."""
PART_ROWS = 200
PART_BYTES = 4_000_000
"""Rows are inserted together up to this number and about these bytes."""
_CREATE = re.compile(r"CREATE TABLE (\w+) \(\s*(id \{serial\})?")
_KEY = re.compile(r"PRIMARY KEY \((?P<columns>[\w, ]+)\)|(?P<column>\w+) [A-Z ]+ PRIMARY KEY")


class TransferRefused(Exception):  # noqa: N818 (a sentence for a person)
    """The file or the database does not allow it; nothing was changed. The message says why, and the next step."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the state.

    Attributes:
        name: its name.
        is_numbered: whether its column `id` is numbered automatically.
        key: the columns of its primary key, by which its rows are ordered: "workspace, name".
    """

    name: str
    is_numbered: bool
    key: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """The size of an export or import.

    Attributes:
        tables: number of tables that have rows.
        rows: number of rows.
    """

    tables: int
    rows: int


def list_tables() -> tuple[Table, ...]:
    """Return all tables of the newest version, in the order in which they were added."""
    tables = []
    for statement in (one for step in migrations.STEPS for one in step):
        if (found := _CREATE.match(statement)) is not None:
            key = _KEY.search(statement)
            names = "id" if key is None else key["columns"] or key["column"]
            tables.append(Table(found[1], is_numbered=found[2] is not None, key=names))
    return tuple(tables)


def export_state(state: State, stream: BinaryIO) -> Transferred:
    """Write all rows of `state` to `stream`, as of one moment; the same rows always give the same file.

    Raises:
        StateError: the state cannot be read.
        OSError: the file cannot be written.
    """
    writer = _Writer(stream)
    tables = rows = 0
    writer.write({"starling": "state", "format": FORMAT, "version": migrations.NEWEST})
    with state.read_moment() as connection:
        for table in list_tables():
            columns = _list_columns(connection, table.name)
            writer.write({"table": table.name, "columns": columns})
            before = rows
            query = f"SELECT {', '.join(columns)} FROM {table.name} ORDER BY {table.key}"  # noqa: S608 (our own names)
            for row in connection.execute(query):
                writer.write([_pack(value) for value in row])
                rows += 1
            tables += rows > before
    writer.end(rows)
    return Transferred(tables, rows)


def import_state(state: State, stream: BinaryIO, *, replaces: bool = False) -> Transferred:
    """Insert all rows of a file into `state`, in one transaction.

    Args:
        state: an empty database, unless `replaces`.
        stream: the file, from its beginning.
        replaces: delete all rows of the database first.

    Raises:
        TransferRefused: the file is none of ours, of a newer version, cut off or changed, or the database is not empty.
        StateError: the state cannot be written.
        OSError: the file cannot be read.
    """
    reader = _Reader(stream)
    _check_head(reader.read())
    known = {table.name: table for table in list_tables()}
    with state.transaction() as connection:
        for name in known:
            if replaces:
                connection.execute(f"DELETE FROM {name}")  # noqa: S608 (our own names)
            elif connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() is not None:  # noqa: S608
                raise TransferRefused(
                    "The state is not empty, so nothing was imported; add --replace to delete all that is in it first."
                )
        filling = _Filling(state, connection, known)
        while not isinstance(line := reader.read(), dict) or "end" not in line:
            filling.take(line)
        filling.finish()
        reader.check_end(line["end"], filling.rows)
        return Transferred(filling.tables, filling.rows)


class _Filling:
    """Inserts the lines of a file, after the head, into the tables of a database, in parts."""

    def __init__(self, state: State, connection: Connection, known: dict[str, Table]) -> None:
        self._state = state
        self._connection = connection
        self._left = dict(known)
        self._table: Table | None = None
        self._columns: list[str] = []
        self._part: list[list[object]] = []
        self._size = 0
        self._before = 0  # rows of earlier tables
        self.rows = 0
        self.tables = 0

    def take(self, line: object) -> None:
        """Begin the table of `line`, or insert the row in it; raises TransferRefused if it is neither."""
        if isinstance(line, dict):
            self.finish()
            self._begin(line)
        elif isinstance(line, list) and self._table is not None and len(line) == len(self._columns):
            row = [_unpack(value) for value in line]
            self._part.append(row)
            self._size += sum(len(value) for value in row if isinstance(value, str | bytes))
            self.rows += 1
            if len(self._part) >= PART_ROWS or self._size >= PART_BYTES:
                self._insert()
        else:
            raise _refuse_damaged()

    def _begin(self, line: dict[str, Any]) -> None:
        """Begin a table with the columns in `line`; raises TransferRefused if it is unknown or was there before."""
        name, columns = line.get("table"), line.get("columns")
        table = self._left.pop(name, None) if isinstance(name, str) else None
        if table is None or not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
            raise _refuse_damaged()
        if not columns or len(set(columns)) != len(columns):
            raise _refuse_damaged()
        if not set(columns) <= set(_list_columns(self._connection, table.name)):
            raise _refuse_damaged()
        self._table, self._columns, self._before = table, columns, self.rows

    def _insert(self) -> None:
        """Insert the rows that wait."""
        if self._table is None or not self._part:
            return
        keeps = self._state.dialect.keep_numbers if self._table.is_numbered else ""
        marks = ", ".join("?" * len(self._columns))
        names = ", ".join(self._columns)
        query = f"INSERT INTO {self._table.name} ({names}){keeps} VALUES ({marks})"  # noqa: S608 (checked names)
        self._connection.executemany(query, self._part)
        self._part, self._size = [], 0

    def finish(self) -> None:
        """Insert the rows that wait, and let the numbers of the table go on after them."""
        self._insert()
        if self._table is None:
            return
        has_rows = self.rows > self._before
        self.tables += has_rows
        if has_rows and self._table.is_numbered and (query := self._state.dialect.go_on):
            self._connection.execute(query.format(table=self._table.name))
        self._table = None


class _Writer:
    """Writes lines of JSON, compressed, with a checksum at the end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)  # gzip
        self._hash = hashlib.sha256()

    def write(self, line: object) -> None:
        """Write one line."""
        data = json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"
        self._hash.update(data)
        self._stream.write(self._packer.compress(data))

    def end(self, rows: int) -> None:
        """Write the end, with the number of rows and the checksum."""
        self.write({"end": {"rows": rows, "sha256": self._hash.hexdigest()}})
        self._stream.write(self._packer.flush())


class _Reader:
    """Reads the lines of a file, one after the other, and checks its end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = _split_lines(stream)
        self._hash = hashlib.sha256()
        self._before = b""  # checksum of all lines before the last one

    def read(self) -> object:
        """Return the next line; raises TransferRefused if there is none, or it is no JSON."""
        try:
            line = next(self._lines, b"")
            self._before = self._hash.digest()
            self._hash.update(line)
            return json.loads(line)
        except (ValueError, RecursionError, zlib.error):
            raise _refuse_damaged() from None

    def check_end(self, end: object, rows: int) -> None:
        """Check that nothing follows the end, and that number and checksum fit; raises TransferRefused."""
        try:
            more = next(self._lines, b"")
        except zlib.error:
            more = b"?"
        if more or end != {"rows": rows, "sha256": self._before.hex()}:
            raise _refuse_damaged()


def _split_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a compressed file; of one that was cut off, those that are whole.

    Raises:
        zlib.error: it is no such file, or was changed.
        TransferRefused: a line is longer than `LONGEST_LINE`.
    """
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    waiting = bytearray()
    while data := unpacker.unconsumed_tail or stream.read(65_536):
        chunk = unpacker.decompress(data, 1_000_000)
        waiting += chunk
        if unpacker.eof and (unpacker.unused_data or stream.read(1)):
            raise zlib.error("something follows the end")
        if b"\n" in chunk:
            *lines, rest = bytes(waiting).split(b"\n")
            yield from (line + b"\n" for line in lines)
            waiting = bytearray(rest)
        if len(waiting) > LONGEST_LINE:
            raise _refuse_damaged()
    if waiting or not unpacker.eof:
        raise zlib.error("the end is missing")


def _check_head(head: object) -> None:
    """Check that the first line is one of ours; raises TransferRefused."""
    if not isinstance(head, dict) or head.get("starling") != "state":
        raise TransferRefused("This is no file of `starling state export`, so nothing was imported.")
    if head.get("format") != FORMAT or not isinstance(head.get("version"), int) or head["version"] > migrations.NEWEST:
        raise TransferRefused("The file is from a newer Starling, so nothing was imported; install that one.")


def _refuse_damaged() -> TransferRefused:
    """Return the error about a file that is not as it was written."""
    return TransferRefused(
        "The file was cut off or changed after it was written, so nothing was imported; take another copy."
    )


def _list_columns(connection: Connection, table: str) -> list[str]:
    """Return the names of the columns of a table of ours."""
    rows = connection.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608 (our own names)
    rows.fetchall()
    return [str(column[0]) for column in rows.description]


def _pack(value: object) -> object:
    """Return a value of a row as JSON: bytes as an object with their base64."""
    return {"bytes": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value


def _unpack(value: object) -> object:
    """Return a value of a row from JSON; raises TransferRefused if it is none that `_pack` returns."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, dict) and set(value) == {"bytes"} and isinstance(value["bytes"], str):
        try:
            return base64.b64decode(value["bytes"], validate=True)
        except ValueError:
            raise _refuse_damaged() from None
    raise _refuse_damaged()
