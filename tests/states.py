"""State databases of tests: SQLite files, or with TEST_DATABASE=postgresql schemas of one PostgreSQL server.

`make test-postgres` runs the tests so. Tests of SQLite's own files have the mark `sqlite`. Start at `make_state`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from server.state.database import State

SWITCH = "TEST_DATABASE"
PLACE = "TEST_DATABASE_URL"  # for processes that a test starts


def uses_postgresql() -> bool:
    """Return whether tests run on PostgreSQL."""
    return os.environ.get(SWITCH) == "postgresql"


def start() -> None:
    """Start the server if tests run on PostgreSQL; skip where it is not installed."""
    if uses_postgresql() and PLACE not in os.environ:
        from tests import postgresql  # noqa: PLC0415

        os.environ[PLACE] = postgresql.get_server().make_url()


def make_state(path: Path | str | None, tell: Callable[[str], None] = lambda _: None) -> State:
    """Return the database for `path`, for every process the same one; a new one for None.

    On PostgreSQL it has the attribute `path`, too, so that a test can pass it on.
    """
    from server.state.databases.addresses import parse_address  # noqa: PLC0415 (the environment is cleared first)
    from server.state.databases.sqlite import SqliteState  # noqa: PLC0415 (as above)

    named = Path(path) if path is not None else None
    if not uses_postgresql():
        return SqliteState(named, tell)
    from server.state.databases.postgresql import PostgresState  # noqa: PLC0415 (an extra)

    state = PostgresState(parse_address(make_url(named)))
    state.path = named
    return state


def make_url(path: Path | None) -> str:
    """Return the address of the schema for `path` on the server of these tests."""
    from tests import postgresql  # noqa: PLC0415

    name = hashlib.sha256(str(path).encode() if path is not None else os.urandom(16)).hexdigest()[:16]
    return postgresql.make_schema(os.environ[PLACE], f"s{name}")


def point_program(patch: pytest.MonkeyPatch) -> None:
    """Let the program itself use the database that `make_state` gives for the file of its home."""
    from server.state import paths  # noqa: PLC0415 (as above)
    from server.state.database import FILE  # noqa: PLC0415

    if uses_postgresql():
        patch.setenv("STARLING_STATE__DATABASE", make_url(paths.state_dir() / FILE))
