"""Connections to PostgreSQL as the stores use them: statements with question marks for values.

Start at `PostgresConnection`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.state.databases.placeholders import adapt, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from server.state.statements import Rows

PART = 20
"""Rows that are fetched at once while everything is read."""


class PostgresConnection:
    """A connection for the stores: takes their statements, with question marks for values."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Rows:
        """Run one statement with `values` for its question marks."""
        return self._connection.execute(translate(statement).encode(), adapt(values))

    def executemany(self, statement: str, rows: Sequence[Sequence[object]], /) -> Rows:
        """Run one statement for each of `rows`."""
        cursor = self._connection.cursor()
        cursor.executemany(translate(statement).encode(), map(adapt, rows))
        return cursor


class ReadingConnection:
    """A connection for the queries of stores outside of a transaction."""

    def __init__(self, run: Callable[[str, Sequence[object]], Rows]) -> None:
        self._run = run

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Rows:
        """Run one query with `values` for its question marks; on a new connection if the present one is lost."""
        return self._run(translate(statement), adapt(values))

    def executemany(self, statement: str, rows: Sequence[Sequence[object]], /) -> Rows:
        """Refuse several statements, which belong into a transaction; raises NotImplementedError."""
        raise NotImplementedError(f"no transaction for {len(rows)} times {statement[:100]!r}")


class MomentConnection(PostgresConnection):
    """A connection for reading everything: the server keeps the results, and rows are fetched in parts."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self._cursors: list[psycopg.ServerCursor[Any]] = []

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Rows:
        """Run one query with `values` for its question marks."""
        cursor = self._connection.cursor(name=f"starling_{len(self._cursors)}")
        self._cursors.append(cursor)
        cursor.itersize = PART
        return cursor.execute(translate(statement).encode(), adapt(values))

    def close(self) -> None:
        """Close the results of all queries."""
        for cursor in self._cursors:
            cursor.close()
