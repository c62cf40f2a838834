"""Protocols of a database connection for the stores: SQL that SQLite and PostgreSQL accept, with `?` for values.

No store depends on one of the databases. Start at `Connection`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Rows(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """Number of rows that the statement changed."""
        ...

    @property
    def description(self) -> Any:  # noqa: ANN401 (differs between the databases)
        """Columns of the result, each a sequence that begins with the name; None without a result."""
        ...

    def fetchone(self) -> Any:  # noqa: ANN401 (a row, or None)
        """Return the next row, None after the last."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the remaining rows."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the remaining rows."""
        ...


class Connection(Protocol):
    """A connection to the state database, valid inside one `State.transaction` or `State.use_connection`."""

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Rows:
        """Run one statement with `values` for its question marks."""
        ...

    def executemany(self, statement: str, rows: Sequence[Sequence[object]], /) -> Rows:
        """Run one statement for each of `rows`."""
        ...


PLACEHOLDER = "(secret)"
"""Text in place of a secret in what is stored."""


def make_storable(text: str) -> str:
    r"""Return `text` with lone surrogates and NUL, which a database may refuse, written as escapes (`\ud83d`)."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
