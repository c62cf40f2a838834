"""Checkpoints: what files held before and after a change, so that it can be taken back. Start at `Checkpoints`.

Stored before anything is changed, so that also what a crash cuts short can be undone. Taking back is a proposal like
any other (`undoing`): it is validated, asked about, applied and recorded. Blocking; writes to the state database only.
"""

from __future__ import annotations

import os
import time
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, ProposedEdit, RenameFile, TextChange
from server.gate import rebasing
from server.gate.disk import attributes, contents
from server.gate.refusal import Refused
from server.state.database import storable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Sequence

    from agents.edits import Change
    from server.gate.disk.contents import Content
    from server.state.database import State

MOST_BYTES = 100_000_000  # of all checkpoints together, compressed; the oldest go first
KEPT_S = 30 * 24 * 3600.0
UNDO = "undo"  # who proposes it


@dataclass(frozen=True, slots=True)
class Kept:
    """One change of a checkpoint.

    Attributes:
        kind: "text", "create", "rename" or "delete".
        uri: the document.
        path: the file, None for an untitled document.
        target: where it was moved to, None otherwise.
        before: what it held, None where it was made.
        after: what it holds, "" where it went.
    """

    kind: str
    uri: str
    path: Path | None
    target: Path | None
    before: Content | None
    after: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A file of a checkpoint: its path, "" for an untitled text."""

    checkpoint: str
    path: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was changed by one request.

    Attributes:
        id: its id.
        created: when, seconds since the epoch.
        title: what was done.
        undoes: id of the checkpoint that it took back, "" where it was no undoing.
        undone_by: id of the request that took it back, "" while it stands.
        settled: whether the change was seen to its end; one that was cut short may stand or not.
        files: what was changed.
    """

    id: str
    created: float
    title: str
    undoes: str
    undone_by: str
    settled: bool
    files: tuple[Kept, ...]


class Checkpoints:
    """The tables of checkpoints."""

    def __init__(self, state: State) -> None:
        self._state = state

    def store(  # noqa: PLR0913, PLR0917 (one row)
        self,
        connection: sqlite3.Connection,
        request: str,
        title: str,
        changes: Sequence[Change],
        before: Sequence[Content | None],
        undoes: str,
        identity: str = "",
    ) -> str:
        """Keep what `changes` are about to replace, in the caller's transaction; returns the id, a new one or that."""
        identity = identity or uuid.uuid4().hex
        made = connection.execute(
            "INSERT OR IGNORE INTO checkpoints (id, request, created, title, settled, undoes, bytes)"
            " VALUES (?, ?, ?, ?, 0, ?, 0)",
            (identity, request, time.time(), storable(title), undoes),
        )
        if made.rowcount:
            self._fill(connection, identity, changes, before)
            self._prune(connection, identity)
        return identity

    def settle(
        self,
        connection: sqlite3.Connection,
        identity: str,
        changes: Sequence[Change],
        before: Sequence[Content | None],
    ) -> None:
        """Only `changes` were made; a checkpoint of nothing goes."""
        if not changes:
            self._drop(connection, [identity])
            return
        self._fill(connection, identity, changes, before)
        connection.execute("UPDATE checkpoints SET settled = 1 WHERE id = ?", (identity,))

    def undone(self, connection: sqlite3.Connection, identity: str, request: str) -> None:
        """It was taken back; if it was an undoing itself, what that had taken back stands again."""
        connection.execute("UPDATE checkpoints SET undone_by = ? WHERE id = ?", (request, identity))
        connection.execute(
            "UPDATE checkpoints SET undone_by = '' WHERE id = (SELECT undoes FROM checkpoints WHERE id = ?)",
            (identity,),
        )

    def get(self, identity: str) -> Checkpoint:
        """The checkpoint of that id.

        Raises:
            Refused: there is none.
        """
        with self._state.reading() as connection:
            row = connection.execute(f"{_SELECT} WHERE id = ?", (identity,)).fetchone()
            if row is None:
                days = int(KEPT_S / 86400)
                raise Refused(f"There is no checkpoint {identity!r}; they are kept for {days} days at most.")
            return _checkpoint(connection, row)

    def standing(self, concerns: Callable[[Subject], bool]) -> tuple[str, ...]:
        """Return the ids of changes that stand and are no undoing, newest first: those with a file that `concerns`."""
        with self._state.reading() as connection:
            rows = connection.execute(_STANDING).fetchall()
        return tuple(dict.fromkeys(row[0] for row in rows if concerns(Subject(*row))))

    @staticmethod
    def _fill(
        connection: sqlite3.Connection, identity: str, changes: Sequence[Change], before: Sequence[Content | None]
    ) -> None:
        connection.execute("DELETE FROM checkpoint_files WHERE checkpoint = ?", (identity,))
        rows = [_row(identity, number, one, old) for number, (one, old) in enumerate(zip(changes, before, strict=True))]
        connection.executemany("INSERT INTO checkpoint_files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        size = sum(len(one) for row in rows for one in row if isinstance(one, bytes))
        connection.execute("UPDATE checkpoints SET bytes = ? WHERE id = ?", (size, identity))

    def _prune(self, connection: sqlite3.Connection, newest: str) -> None:
        rows = connection.execute("SELECT id, bytes, created FROM checkpoints ORDER BY created DESC").fetchall()
        total, oldest, gone = 0, time.time() - KEPT_S, []
        for identity, size, created in rows:
            total += size
            if identity != newest and (total > MOST_BYTES or created < oldest):
                gone.append(identity)
        self._drop(connection, gone)

    @staticmethod
    def _drop(connection: sqlite3.Connection, identities: Sequence[str]) -> None:
        for identity in identities:
            connection.execute("DELETE FROM checkpoint_files WHERE checkpoint = ?", (identity,))
            connection.execute("DELETE FROM checkpoints WHERE id = ?", (identity,))


def undoing(checkpoint: Checkpoint, why: str = "You asked for it.") -> ProposedEdit:
    """The proposal that takes a checkpoint back.

    Raises:
        Refused: it has been taken back already.
    """
    if checkpoint.undone_by:
        raise Refused("That was undone already; undo the undoing to have it back.")
    changes = tuple(change for kept in checkpoint.files if (change := _back(kept, checkpoint)) is not None)
    return ProposedEdit(f"Undo: {checkpoint.title}", why, UNDO, changes)


def concerns(roots: Sequence[Path], own: Collection[str]) -> Callable[[Subject], bool]:
    """Return whether a change is about a file in `roots`, or about an untitled text of one of the checkpoints `own`."""

    def inside(subject: Subject) -> bool:
        if not subject.path:
            return subject.checkpoint in own
        return any(Path(subject.path).is_relative_to(root) for root in roots)

    return inside


def _back(kept: Kept, checkpoint: Checkpoint) -> Change | None:
    """The change that takes one back; None where a change that was cut short was never made."""
    if kept.kind == "text":
        assert kept.before is not None  # noqa: S101 (a text that was changed was there)
        edits = rebasing.edits_between(kept.after, kept.before.text)
        return TextChange(kept.uri, kept.path, kept.after, edits, kept.before.encoding if kept.path is not None else "")
    assert kept.path is not None  # noqa: S101 (only texts have none)
    if not checkpoint.settled and not _was_made(kept):
        return None
    if kept.kind == "create":
        return DeleteFile(kept.path, kept.after)
    if kept.kind == "rename":
        assert kept.target is not None  # noqa: S101 (it moved somewhere)
        return RenameFile(kept.target, kept.path)
    assert kept.before is not None  # noqa: S101 (what went was there)
    before = kept.before
    return CreateFile(kept.path, before.text, before.encoding, before.executable, before.attributes)


def _was_made(kept: Kept) -> bool:
    there = kept.path is not None and os.path.lexists(kept.path)
    return there if kept.kind == "create" else not there


_SELECT = "SELECT id, created, title, undoes, undone_by, settled FROM checkpoints"
_STANDING = (
    "SELECT id, path FROM checkpoints JOIN checkpoint_files ON checkpoint = id"
    " WHERE undoes = '' AND undone_by = ''"
    " AND (settled OR request IN (SELECT id FROM requests WHERE status IN ('failed', 'expired')))"
    " ORDER BY created DESC"
)
_KINDS = {TextChange: "text", CreateFile: "create", RenameFile: "rename", DeleteFile: "delete"}


def kind_of(change: Change) -> str:
    """The name of a kind of change in the record."""
    return _KINDS[type(change)]


def subject(change: Change) -> str:
    """What a change is about: a file, or a document without one."""
    return change.uri if isinstance(change, TextChange) and change.path is None else str(change.path)


def _row(identity: str, number: int, change: Change, before: Content | None) -> tuple[object, ...]:
    match change:
        case TextChange():
            uri, path, after = change.uri, change.path, change.after
        case CreateFile():
            uri, path, after = change.path.as_uri(), change.path, change.text
        case RenameFile() | DeleteFile():
            uri, path, after = change.path.as_uri(), change.path, ""
    held = before or contents.Content("", change.encoding if isinstance(change, CreateFile) else contents.UTF8)
    target = str(change.to) if isinstance(change, RenameFile) else ""
    kept = (
        _packed(held.data),
        _packed(after.encode("utf-8", "surrogatepass")),
        attributes.to_text(held.attributes),
    )
    return (identity, number, kind_of(change), uri, str(path or ""), target, held.encoding, held.executable, *kept)


def _packed(data: bytes) -> bytes:
    return zlib.compress(data, 6)


def _checkpoint(connection: sqlite3.Connection, row: Sequence[object]) -> Checkpoint:
    files = connection.execute(
        "SELECT kind, uri, path, target, encoding, executable, before, after, attributes FROM checkpoint_files"
        " WHERE checkpoint = ? ORDER BY number",
        (row[0],),
    )
    identity, created, title, undoes, undone_by, settled = row
    return Checkpoint(
        str(identity), float(str(created)), str(title), str(undoes), str(undone_by), bool(settled),
        tuple(_kept(*file) for file in files),
    )  # fmt: skip


def _kept(  # noqa: PLR0913, PLR0917 (one row)
    kind: str, uri: str, path: str, target: str, encoding: str, executable: int, before: bytes, after: bytes,
    beside: str,
) -> Kept:  # fmt: skip
    data = zlib.decompress(before)
    mark = contents.MARKS.get(encoding, b"")
    text = data.removeprefix(mark).decode(contents.CODECS.get(encoding, encoding))
    content = contents.Content(text, encoding, bool(executable), attributes.from_text(beside))
    return Kept(
        kind,
        uri,
        Path(path) if path else None,
        Path(target) if target else None,
        None if kind == "create" else content,
        zlib.decompress(after).decode("utf-8", "surrogatepass"),
    )
