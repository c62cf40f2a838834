"""Puts a gate together: for an editor's session, and for the command line. Start at `for_editor` and `for_disk`.

Imported by its users when they first need a gate: it brings SQLite and the index's syntax along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.limits import IndexLimits
from server import paths
from server.gate.disk import DiskWorkplace
from server.gate.gate import Gate
from server.gate.places import Places, excluding
from server.state import FILE, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from server.client import Client
    from server.gate.records import Asker
    from server.session import Session


def for_editor(server: LanguageServer, session: Session) -> Gate:
    """The gate of one connection."""
    from server.editor import EditorWorkplace  # noqa: PLC0415 (brings lsprotocol, as does the next)
    from server.gate.asking import EditorAsker  # noqa: PLC0415

    def traits() -> Client:
        return session.client

    def places() -> Places:
        core = session.cores.current
        excluded = core.index.exclusion if core is not None else excluding(session.roots, IndexLimits())
        return Places(session.roots, excluded)

    asker = EditorAsker(server, traits, session.shown)
    workplace = EditorWorkplace(server, traits, session.documents, lambda: session.roots)
    client = f"{session.client.name} {session.client.version}".strip()
    client = client or "an editor without a name"
    return Gate(state(session.teller()), places, asker, workplace, client=client, owns_state=True)


def for_disk(roots: Sequence[Path], asker: Asker, limits: IndexLimits, *, client: str = "starling") -> Gate:
    """A gate that writes straight to the disk, for the command line; `limits` hold what the settings exclude."""
    excluded = excluding(roots, limits)
    workplace = DiskWorkplace(lambda: roots)
    return Gate(state(), lambda: Places(roots, excluded), asker, workplace, client=client, owns_state=True)


def state(tell: Callable[[str], None] = lambda _: None) -> State:
    """The user's state database, without a stand-in: a record that a restart may lose would be none."""
    return State(paths.state_dir() / FILE, tell)
