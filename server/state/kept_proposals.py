"""The table of kept proposals: edits whose question has no answer yet, so that they can be asked again.

A proposal is kept from the start of its request, and removed once a person has answered. Bounded in days and in bytes;
the oldest are evicted first. Blocking; writes to the state database only. Start at `KeptProposals`.
"""

from __future__ import annotations

import json
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, RenameFile, TextChange

if TYPE_CHECKING:
    from agents.edits import Change
    from server.state.database import State
    from server.state.statements import Connection

MOST_BYTES = 50_000_000  # of all kept proposals together, compressed
KEPT_S = 30 * 24 * 3600.0
FAST = 1  # zlib's level: every question waits for this


class KeptProposals:
    """The table of kept proposals."""

    def __init__(self, state: State) -> None:
        self._state = state

    def store(self, connection: Connection, request: str, proposal: ProposedEdit) -> None:
        """Store the proposal of a request, and evict proposals beyond the bounds, in the caller's transaction.

        Does not store a proposal that exceeds `MOST_BYTES` by itself.
        """
        now, content = time.time(), _pack(proposal)
        connection.execute("DELETE FROM kept_proposals WHERE created < ?", (now - KEPT_S,))
        if len(content) > MOST_BYTES:
            return
        rows = connection.execute("SELECT request, bytes FROM kept_proposals ORDER BY created DESC").fetchall()
        total = len(content)
        for older, size in rows:
            total += size
            if total > MOST_BYTES:
                self.remove(connection, older)
        connection.execute(
            "INSERT INTO kept_proposals (request, created, bytes, content) VALUES (?, ?, ?, ?)",
            (request, now, len(content), content),
        )

    @staticmethod
    def remove(connection: Connection, request: str) -> bool:
        """Remove the proposal of a request in the caller's transaction; return whether there was one."""
        return connection.execute("DELETE FROM kept_proposals WHERE request = ?", (request,)).rowcount == 1

    @staticmethod
    def give_back(connection: Connection, request: str) -> None:
        """Give the proposal of `request` back to the older request that it asked again; do nothing if it asked none.

        Runs in the caller's transaction.
        """
        connection.execute(
            "UPDATE kept_proposals SET request = (SELECT again FROM requests WHERE id = ?)"
            " WHERE request = ? AND EXISTS (SELECT 1 FROM requests WHERE id = ? AND again <> '')",
            (request, request, request),
        )

    def find(self, request: str) -> ProposedEdit | None:
        """Return the proposal of a request, None if none is stored; its origin is not stored."""
        with self._state.use_connection() as connection:
            row = connection.execute("SELECT content FROM kept_proposals WHERE request = ?", (request,)).fetchone()
        return _unpack(row[0]) if row is not None else None


def _pack(proposal: ProposedEdit) -> bytes:
    """Return `proposal`, except for its origin, as compressed JSON."""
    fields = {
        "title": proposal.title,
        "why": proposal.why,
        "by": proposal.by,
        "model": proposal.model,
        "automatic": proposal.automatic,
        "notes": list(proposal.notes),
        "changes": [_pack_change(one) for one in proposal.changes],
    }
    return zlib.compress(json.dumps(fields).encode("ascii"), FAST)  # escapes keep halves of surrogate pairs


def _unpack(content: bytes) -> ProposedEdit:
    """Return the proposal that `_pack` turned into `content`."""
    fields = json.loads(zlib.decompress(content))
    changes = tuple(_unpack_change(one) for one in fields.pop("changes"))
    return ProposedEdit(**{**fields, "notes": tuple(fields["notes"])}, changes=changes)


def _pack_change(change: Change) -> dict[str, Any]:
    """Return `change` as JSON; without the attributes of a new file, which only an undo sets."""
    match change:
        case TextChange():
            edits = [[edit.start, edit.end, edit.text] for edit in change.edits]
            path = str(change.path) if change.path is not None else None
            return {
                "kind": "text", "uri": change.uri, "path": path, "before": change.before, "edits": edits,
                "encoding": change.encoding,
            }  # fmt: skip
        case CreateFile():
            return {
                "kind": "create", "path": str(change.path), "text": change.text, "encoding": change.encoding,
                "executable": change.executable,
            }  # fmt: skip
        case RenameFile():
            return {"kind": "rename", "path": str(change.path), "to": str(change.to)}
        case DeleteFile():
            return {"kind": "delete", "path": str(change.path), "before": change.before}


def _unpack_change(packed: dict[str, Any]) -> Change:
    """Return the change that `_pack_change` turned into `packed`."""
    path = Path(packed["path"]) if packed["path"] is not None else None
    if packed["kind"] == "text":
        edits = tuple(Edit(*one) for one in packed["edits"])
        return TextChange(packed["uri"], path, packed["before"], edits, packed["encoding"])
    assert path is not None  # noqa: S101 (only texts have none)
    match packed["kind"]:
        case "create":
            return CreateFile(path, packed["text"], packed["encoding"], packed["executable"])
        case "rename":
            return RenameFile(path, Path(packed["to"]))
        case _:
            return DeleteFile(path, packed["before"])
