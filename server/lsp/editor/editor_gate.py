"""Construction of the gate for an editor's session. Start at `create_editor_gate`.

Imported when a session first needs a gate, because the import loads SQLite and the index's syntax modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from indexing.limits import IndexLimits
from server.access.roles import Action
from server.assembly.gates import open_state
from server.gate.gate import Gate
from server.gate.places import Places, make_exclusion
from server.gate.records import Author
from server.state.access.viewers import EVERYBODY, Viewer
from server.state.gate_records import GateRecords

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from server.assembly.core import CoreHolder
    from server.gate.question.shown_documents import ShownDocuments
    from server.lsp.editor.client import Client
    from server.lsp.session.open_documents import Documents
    from server.lsp.session.visits import Visit


class GatedSession(Protocol):
    """The parts of a session that the gate needs: client, folders, documents, and a way to show messages."""

    client: Client
    roots: tuple[Path, ...]
    cores: CoreHolder
    documents: Documents
    shown: ShownDocuments
    visit: Visit | None

    def make_notifier(self) -> Callable[[str], None]:
        """Return a function that shows a message to the person; any thread may call it."""
        ...


def create_editor_gate(server: LanguageServer, session: GatedSession) -> Gate:
    """Return a new gate that asks and applies through the editor of `session`; it owns its database connection."""
    from server.lsp.editor.asking import EditorAsker  # noqa: PLC0415
    from server.lsp.editor.editor_workplace import EditorWorkplace  # noqa: PLC0415 (brings lsprotocol, as does the next)

    def get_client() -> Client:
        """Return the client of the session."""
        return session.client

    def get_places() -> Places:
        """Return the places that may be changed; with the default exclusions before the core is loaded."""
        core = session.cores.current
        excluded = (
            core.index.find_exclusion_reason if core is not None else make_exclusion(session.roots, IndexLimits())
        )
        return Places(session.roots, excluded)

    asker = EditorAsker(server, get_client, session.shown, lambda: session.visit)
    workplace = EditorWorkplace(server, get_client, session.documents, lambda: session.roots)
    client = f"{session.client.name} {session.client.version}".strip()
    client = client or "an editor without a name"
    records = GateRecords(open_state(session.make_notifier()), make_viewer(session.visit))
    identity = session.visit.identity if session.visit is not None else None
    author = Author(identity.name, identity.address) if identity is not None else Author()
    return Gate(records, get_places, asker, workplace, client=client, author=author, owns_records=True)


def make_viewer(visit: Visit | None) -> Viewer:
    """Return the person whose records a session adds and sees: that of the `visit`, or everybody without one."""
    if visit is None:
        return EVERYBODY
    return Viewer(visit.identity.account, visit.identity.name, lambda: visit.allows(Action.DECIDE))
