"""The gate of an editor's session. Start at `for_editor`.

Imported when a session first needs a gate: it brings SQLite and the index's syntax along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from indexing.limits import IndexLimits
from server.assembly.gates import state
from server.gate.gate import Gate
from server.gate.places import Places, make_exclusion
from server.state.gate_records import GateRecords

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from server.assembly.core import Cores
    from server.gate.question.shown_documents import ShownDocuments
    from server.lsp.editor.client import Client
    from server.lsp.session.open_documents import Documents


class GatedSession(Protocol):
    """What the gate asks of a session: its client, its texts and folders, and how a person is told."""

    client: Client
    roots: tuple[Path, ...]
    cores: Cores
    documents: Documents
    shown: ShownDocuments

    def teller(self) -> Callable[[str], None]:
        """Return a function for any thread that shows a person a sentence."""
        ...


def for_editor(server: LanguageServer, session: GatedSession) -> Gate:
    """The gate of one connection."""
    from server.lsp.editor.asking import EditorAsker  # noqa: PLC0415
    from server.lsp.editor.editor_workplace import EditorWorkplace  # noqa: PLC0415 (brings lsprotocol, as does the next)

    def traits() -> Client:
        return session.client

    def places() -> Places:
        core = session.cores.current
        excluded = core.index.exclusion if core is not None else make_exclusion(session.roots, IndexLimits())
        return Places(session.roots, excluded)

    asker = EditorAsker(server, traits, session.shown)
    workplace = EditorWorkplace(server, traits, session.documents, lambda: session.roots)
    client = f"{session.client.name} {session.client.version}".strip()
    client = client or "an editor without a name"
    records = GateRecords(state(session.teller()))
    return Gate(records, places, asker, workplace, client=client, owns_records=True)
