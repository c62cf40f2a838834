"""The tables of checkpoints: the contents of files before and after a change, compressed, so that it can be undone.

A checkpoint is stored before anything is changed, so that a change that a crash interrupts can be undone too. Bounded
in bytes and in days; the oldest are deleted first. Blocking; writes to the state database only. Start at `Checkpoints`.
"""

from __future__ import annotations

import itertools
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from server.gate.disk import attributes, contents
from server.gate.records import Checkpoint, KeptChange, Subject, UndoableChange, get_kind
from server.state.access.viewers import EVERYBODY
from server.state.statements import make_storable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.edits import Change
    from server.gate.disk.contents import Content
    from server.gate.records import Replaced
    from server.state.access.viewers import Viewer
    from server.state.database import State
    from server.state.statements import Connection

MOST_BYTES = 100_000_000  # of all checkpoints together, compressed
KEPT_S = 30 * 24 * 3600.0
_SELECT = "SELECT id, created, title, undoes, undone_by, settled FROM checkpoints"
_SEEN = "(? = '' OR request IN (SELECT id FROM requests WHERE person = ?))"
_STANDING = (
    "SELECT id, path FROM checkpoints JOIN checkpoint_files ON checkpoint = id"  # noqa: S608 (our own names)
    " WHERE undoes = '' AND undone_by = ''"
    " AND (settled <> 0 OR request IN (SELECT id FROM requests WHERE status IN ('failed', 'expired')))"
    f" AND {_SEEN} ORDER BY created DESC"
)
_LISTED = (
    "SELECT c.id, c.created, c.title, coalesce(r.client, ''), coalesce(r.session, ''), f.uri, f.path, f.target"
    " FROM checkpoints c JOIN checkpoint_files f ON f.checkpoint = c.id LEFT JOIN requests r ON r.id = c.request"
    " WHERE c.undoes = '' AND c.undone_by = '' AND (c.settled <> 0 OR r.status IN ('failed', 'expired'))"
    " AND ? IN ('', coalesce(r.person, ' '))"
    " ORDER BY c.created DESC, c.id, f.number"
)


class Checkpoints:
    """The tables of checkpoints."""

    def __init__(self, state: State, viewer: Viewer = EVERYBODY) -> None:
        """Store the database, and the person whose changes are seen."""
        self._state = state
        self._viewer = viewer

    def store(self, connection: Connection, replaced: Replaced) -> None:
        """Insert the checkpoint `replaced` unless it is stored already, and evict the oldest checkpoints.

        Runs in the caller's transaction.
        """
        inserted = connection.execute(
            "INSERT INTO checkpoints (id, request, created, title, settled, undoes, bytes)"
            " VALUES (?, ?, ?, ?, 0, ?, 0) ON CONFLICT (id) DO NOTHING",
            (replaced.checkpoint, replaced.request, time.time(), make_storable(replaced.title), replaced.undoes),
        )
        if inserted.rowcount:
            self._write_files(
                connection, replaced.checkpoint, list(zip(replaced.changes, replaced.before, strict=True))
            )
            self._evict(connection, replaced.checkpoint)

    def settle(self, connection: Connection, identity: str, made: Sequence[tuple[Change, Content | None]]) -> None:
        """Reduce a checkpoint to the changes `made`, each with the content that it replaced, and mark it as settled.

        Deletes the checkpoint if no change was made. Runs in the caller's transaction.
        """
        if not made:
            self._remove(connection, [identity])
            return
        self._write_files(connection, identity, made)
        connection.execute("UPDATE checkpoints SET settled = 1 WHERE id = ?", (identity,))

    def confirm(self, connection: Connection, identity: str, request: str) -> None:
        """Record that `request` made all changes of a checkpoint, in the caller's transaction.

        If the checkpoint is that of an undo, the change that it undoes is undone now.
        """
        connection.execute("UPDATE checkpoints SET settled = 1 WHERE id = ?", (identity,))
        row = connection.execute("SELECT undoes FROM checkpoints WHERE id = ?", (identity,)).fetchone()
        if row is not None and row[0]:
            self.mark_undone(connection, row[0], request)

    def mark_undone(self, connection: Connection, identity: str, request: str) -> None:
        """Record that `request` undid the checkpoint with the id `identity`, in the caller's transaction.

        If that checkpoint was itself an undo, the change that it had undone can be undone again.
        """
        connection.execute("UPDATE checkpoints SET undone_by = ? WHERE id = ?", (request, identity))
        connection.execute(
            "UPDATE checkpoints SET undone_by = '' WHERE id = (SELECT undoes FROM checkpoints WHERE id = ?)",
            (identity,),
        )

    def find(self, identity: str) -> Checkpoint | None:
        """Return the checkpoint with the id `identity`, None if there is none (any more)."""
        with self._state.use_connection() as connection:
            row = connection.execute(f"{_SELECT} WHERE id = ? AND {_SEEN}", (identity, *self._list_seen())).fetchone()
            return _read_checkpoint(connection, row) if row is not None else None

    def list_ids(self, prefix: str) -> tuple[str, ...]:
        """Return up to two ids of checkpoints that begin with `prefix`; `prefix` itself first, if it is an id."""
        with self._state.use_connection() as connection:
            rows = connection.execute(
                f"SELECT id FROM checkpoints WHERE substr(id, 1, ?) = ? AND {_SEEN} ORDER BY length(id), id LIMIT 2",  # noqa: S608
                (len(prefix), prefix, *self._list_seen()),
            )
            return tuple(str(row[0]) for row in rows)

    def list_undoable(self, concerns: Callable[[Subject], bool]) -> tuple[str, ...]:
        """Return the ids of the checkpoints that can be undone, newest first.

        Leaves out a checkpoint unless `concerns` returns true for one of its documents; also those of an undo, those
        that were undone, and those whose outcome is not known yet.
        """
        with self._state.use_connection() as connection:
            rows = connection.execute(_STANDING, self._list_seen()).fetchall()
        return tuple(dict.fromkeys(row[0] for row in rows if concerns(Subject(*row))))

    def list_undoable_changes(self, concerns: Callable[[Subject], bool], limit: int) -> tuple[UndoableChange, ...]:
        """Return up to `limit` changes that can be undone, newest first; selects them like `list_undoable`."""
        listed: list[UndoableChange] = []
        with self._state.use_connection() as connection:
            for identity, group in itertools.groupby(
                connection.execute(_LISTED, self._list_seen()[:1]), key=lambda row: row[0]
            ):
                rows = list(group)
                if not any(concerns(Subject(identity, row[6])) for row in rows):
                    continue
                files = tuple(str(target or path or uri) for *_, uri, path, target in rows)
                _, created, title, client, session = rows[0][:5]
                listed.append(UndoableChange(str(identity), created, title, client, session, files))
                if len(listed) >= limit:
                    break
        return tuple(listed)

    def _list_seen(self) -> tuple[str, str]:
        """Return the values for the question marks of `_SEEN`."""
        seen = self._viewer.get_seen()
        return seen, seen

    @staticmethod
    def _write_files(connection: Connection, identity: str, pairs: Sequence[tuple[Change, Content | None]]) -> None:
        """Store `pairs` (a change, and the content that it replaces) as the only files of a checkpoint."""
        connection.execute("DELETE FROM checkpoint_files WHERE checkpoint = ?", (identity,))
        rows = [_pack_row(identity, number, change, before) for number, (change, before) in enumerate(pairs)]
        connection.executemany("INSERT INTO checkpoint_files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        size = sum(len(value) for row in rows for value in row if isinstance(value, bytes))
        connection.execute("UPDATE checkpoints SET bytes = ? WHERE id = ?", (size, identity))

    def _evict(self, connection: Connection, newest: str) -> None:
        """Delete checkpoints that are too old or exceed `MOST_BYTES`, oldest first; keep `newest` in any case."""
        rows = connection.execute("SELECT id, bytes, created FROM checkpoints ORDER BY created DESC").fetchall()
        total, oldest, evicted = 0, time.time() - KEPT_S, []
        for identity, size, created in rows:
            total += size
            if identity != newest and (total > MOST_BYTES or created < oldest):
                evicted.append(identity)
        self._remove(connection, evicted)

    @staticmethod
    def _remove(connection: Connection, identities: Sequence[str]) -> None:
        """Delete checkpoints, named by their ids, with their files."""
        for identity in identities:
            connection.execute("DELETE FROM checkpoint_files WHERE checkpoint = ?", (identity,))
            connection.execute("DELETE FROM checkpoints WHERE id = ?", (identity,))


def _pack_row(identity: str, number: int, change: Change, before: Content | None) -> tuple[object, ...]:
    """Return the row of `change` in `checkpoint_files`, with compressed texts.

    Args:
        identity: id of the checkpoint.
        number: position of the change in the checkpoint.
        change: the change.
        before: the content of the file before the change, None if there was no file.
    """
    match change:
        case TextChange():
            uri, path, after = change.uri, change.path, change.after
        case CreateFile():
            uri, path, after = change.path.as_uri(), change.path, change.text
        case RenameFile() | DeleteFile():
            uri, path, after = change.path.as_uri(), change.path, ""
    content = before or contents.Content("", change.encoding if isinstance(change, CreateFile) else contents.UTF8)
    target = str(change.to) if isinstance(change, RenameFile) else ""
    texts = (_compress(content.data), _compress(after.encode("utf-8", "surrogatepass")))
    named = (get_kind(change), uri, str(path or ""), target)
    return (
        identity, number, *named, content.encoding, int(content.executable), *texts,
        attributes.serialize_attributes(content.attributes),
    )  # fmt: skip


def _compress(data: bytes) -> bytes:
    """Return `data` compressed with zlib."""
    return zlib.compress(data, 6)


def _read_checkpoint(connection: Connection, row: Sequence[object]) -> Checkpoint:
    """Return the checkpoint of a `row` that `_SELECT` returned, with its files."""
    files = connection.execute(
        "SELECT kind, uri, path, target, encoding, executable, before, after, attributes FROM checkpoint_files"
        " WHERE checkpoint = ? ORDER BY number",
        (row[0],),
    )
    identity, created, title, undoes, undone_by, settled = row
    return Checkpoint(
        str(identity), float(str(created)), str(title), str(undoes), str(undone_by), bool(settled),
        tuple(_unpack_change(*file) for file in files),
    )  # fmt: skip


def _unpack_change(  # noqa: PLR0913, PLR0917 (one row)
    kind: str, uri: str, path: str, target: str, encoding: str, executable: int, before: bytes, after: bytes,
    attributes_json: str,
) -> KeptChange:  # fmt: skip
    """Return the change of a row of `checkpoint_files`."""
    data = zlib.decompress(before)
    mark = contents.MARKS.get(encoding, b"")
    text = data.removeprefix(mark).decode(contents.CODECS.get(encoding, encoding))
    content = contents.Content(text, encoding, bool(executable), attributes.parse_attributes(attributes_json))
    return KeptChange(
        kind,
        uri,
        Path(path) if path else None,
        Path(target) if target else None,
        None if kind == "create" else content,
        zlib.decompress(after).decode("utf-8", "surrogatepass"),
    )
