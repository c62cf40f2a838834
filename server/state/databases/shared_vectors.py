"""Vectors of code that several servers share, in PostgreSQL with the extension `vector` (pgvector).

Rows hold the name of the model, a digest of the text, and the vector. Searching stays on each machine, in its own file:
there it is exact and needs no network. These tables can be computed again, so no export has them. Every transaction
ends after `STATEMENT_S`; after a failure the database is left alone for `REST_S`. Start at `SharedVectors`.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, TypeVar

from agents.ports.failures import StateError
from indexing.vectors.vector_store import MOST_FETCHED, IndexNote
from server.state.database import Area

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from server.state.database import State
    from server.state.statements import Connection

_Result = TypeVar("_Result")

MOST_ROWS = 300_000
"""Vectors in the database: about 600 MB for vectors of 384 components."""
MOST_NOTES = 1_000
MOST_READ = 100
UNUSED_DAYS = 90
"""Days after which a vector that no server fetched is deleted; as long for notes."""
TOUCH_DAYS = 7
"""Days after which the date of use of a fetched vector is renewed."""
EVICT_EVERY = 2_000
"""Vectors that a process stores between two looks at the size of the table."""
MOST_EVICTED = 20_000
STATEMENT_S = 3
REST_S = 600.0
OLDEST = (0, 4)
MISSING = (
    "Vectors are not shared: the database has no extension `vector`; install pgvector, then run `CREATE EXTENSION "
    "vector` in it as its administrator."
)
TOO_OLD = "Vectors are not shared: the extension `vector` of the database is older than 0.4; upgrade pgvector."
_TABLES = (
    (
        "CREATE TABLE IF NOT EXISTS vector_cache (model TEXT NOT NULL, digest BYTEA NOT NULL, vector {type} NOT NULL,"
        " used DATE NOT NULL DEFAULT CURRENT_DATE, PRIMARY KEY (model, digest))"
    ),
    "CREATE INDEX IF NOT EXISTS vector_cache_used ON vector_cache (used)",
    (
        "CREATE TABLE IF NOT EXISTS index_notes (workspace BYTEA NOT NULL, server TEXT NOT NULL,"
        " indexed_at DOUBLE PRECISION, files BIGINT NOT NULL, chunks BIGINT NOT NULL, model TEXT NOT NULL,"
        " share DOUBLE PRECISION, noted_at DOUBLE PRECISION NOT NULL, PRIMARY KEY (workspace, server))"
    ),
)
_NOW = "EXTRACT(EPOCH FROM clock_timestamp())::float8"


class SharedVectors:
    """A `VectorStore` in the state database. Thread-safe: two threads at worst do the same twice.

    Args:
        open_state: returns the state database; called once, by the thread that uses the store.
    """

    def __init__(self, open_state: Callable[[], State]) -> None:
        self.problem = ""
        self._open_state = open_state
        self._state: State | None = None
        self._type = ""  # of the column, once the tables were made
        self._rests_until = 0.0
        self._stored = EVICT_EVERY  # since the last look at the size

    def fetch(self, model: str, digests: Sequence[bytes]) -> Mapping[bytes, Sequence[float]]:
        """Return the vectors that the database has, of the first `MOST_FETCHED` digests, if it can be used."""
        wanted = list(digests[:MOST_FETCHED])

        def read(connection: Connection) -> Mapping[bytes, Sequence[float]]:
            """Return the vectors, and renew the dates of use that are old."""
            rows = connection.execute(
                f"SELECT digest, vector::real[], used < CURRENT_DATE - {TOUCH_DAYS} FROM vector_cache"  # noqa: S608
                " WHERE model = ? AND digest = ANY(?)",
                (model, wanted),
            ).fetchall()
            if old := [bytes(row[0]) for row in rows if row[2]]:
                connection.execute(
                    "UPDATE vector_cache SET used = CURRENT_DATE WHERE model = ? AND digest IN (SELECT digest"
                    " FROM vector_cache WHERE model = ? AND digest = ANY(?) FOR UPDATE SKIP LOCKED)",
                    (model, model, old),
                )
            return {bytes(row[0]): row[1] for row in rows}

        return (self._run(read) if wanted and self._is_ready() else None) or {}

    def store(self, model: str, vectors: Mapping[bytes, Sequence[float]]) -> None:
        """Insert vectors, and from time to time delete what is too much; nothing while the database cannot be used."""
        if not vectors or not self._is_ready():
            return
        rows = [(model, key, f"[{','.join(map(repr, map(float, vectors[key])))}]") for key in sorted(vectors)]
        insert = (
            f"INSERT INTO vector_cache (model, digest, vector) VALUES (?, ?, ?::{self._type}) ON CONFLICT DO NOTHING"  # noqa: S608
        )
        self._run(lambda connection: connection.executemany(insert, rows))
        self._stored += len(rows)
        if self._stored >= EVICT_EVERY:
            self._stored = 0
            self._run(_evict)

    def exchange(self, workspace: bytes, note: IndexNote) -> tuple[IndexNote, ...]:
        """Write `note`, and return up to `MOST_READ` notes about a workspace; none on failure."""
        if not self._is_ready():
            return ()

        def write(connection: Connection) -> tuple[IndexNote, ...]:
            """Replace the note of this server, and return all."""
            connection.execute(
                "INSERT INTO index_notes (workspace, server, indexed_at, files, chunks, model, share, noted_at)"  # noqa: S608
                f" VALUES (?, ?, ?, ?, ?, ?, ?, {_NOW}) ON CONFLICT (workspace, server) DO UPDATE SET"
                " indexed_at = excluded.indexed_at, files = excluded.files, chunks = excluded.chunks,"
                " model = excluded.model, share = excluded.share, noted_at = excluded.noted_at",
                (workspace, note.server, note.indexed_at, note.files, note.chunks, note.model, note.share),
            )
            rows = connection.execute(
                "SELECT server, indexed_at, files, chunks, model, share, noted_at FROM index_notes WHERE workspace = ?"  # noqa: S608
                f" ORDER BY noted_at DESC, server LIMIT {MOST_READ}",
                (workspace,),
            )
            return tuple(IndexNote(*row) for row in rows.fetchall())

        return self._run(write) or ()

    def _is_ready(self) -> bool:
        """Return whether the database can be used; make the tables at the first call."""
        if time.monotonic() < self._rests_until:
            return False
        if not self._type:
            self._type = self._run(self._prepare) or ""
        return bool(self._type)

    def _prepare(self, connection: Connection) -> str:
        """Make the tables unless they are there; return the type of vectors, "" if it is not fit, and note why."""
        row = connection.execute(
            "SELECT quote_ident(n.nspname), e.extversion FROM pg_extension e"
            " JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
        ).fetchone()
        if row is None or tuple(map(int, re.findall(r"\d+", row[1])[:2])) < OLDEST:
            self._rest(MISSING if row is None else TOO_OLD)
            return ""
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('starling vectors ' || current_schema()))")
        for statement in _TABLES:
            connection.execute(statement.format(type=f"{row[0]}.vector"))
        self.problem = ""
        return f"{row[0]}.vector"

    def _run(self, work: Callable[[Connection], _Result]) -> _Result | None:
        """Return what `work` returns in a short transaction; None after a failure, and then rest for a while."""
        try:
            if self._state is None:
                self._state = self._open_state()
            with self._state.transaction(Area.ROWS) as connection:
                connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_S}s'")
                return work(connection)
        except StateError as error:
            self._rest(f"Vectors are not shared for {REST_S / 60:.0f} minutes: {error}")
            return None

    def _rest(self, why: str) -> None:
        """Leave the database alone for a while, for the reason `why`, a sentence for a person."""
        self.problem = why
        self._type = ""
        self._rests_until = time.monotonic() + REST_S


def _evict(connection: Connection) -> None:
    """Delete vectors and notes that were not used for long, and the least recently used of too many."""
    ((count,),) = connection.execute("SELECT count(*) FROM vector_cache").fetchall()
    for condition, most in (
        (f"WHERE used < CURRENT_DATE - {UNUSED_DAYS}", MOST_EVICTED),
        ("", min(max(count - MOST_ROWS, 0), MOST_EVICTED)),
    ):
        connection.execute(
            "DELETE FROM vector_cache WHERE (model, digest) IN (SELECT model, digest FROM vector_cache"  # noqa: S608
            f" {condition} ORDER BY used LIMIT ? FOR UPDATE SKIP LOCKED)",
            (most,),
        )
    connection.execute(
        f"DELETE FROM index_notes WHERE noted_at < {_NOW} - ? OR (workspace, server) IN (SELECT workspace,"  # noqa: S608
        " server FROM index_notes ORDER BY noted_at DESC OFFSET ?)",
        (UNUSED_DAYS * 86400, MOST_NOTES),
    )
