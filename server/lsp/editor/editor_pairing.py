"""This connection's editor, offered to agents of other processes: texts of open files, and approved changes of them.

Trusts no request: only files of the workspace that agents may read are given, and a change is taken from the gate's
record, which has to hold it as approved and not yet made. Start at `EditorPairing`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agents.edits import ProposedEdit, TextChange
from agents.ports.failures import StateError
from server.assembly.gates import open_state
from server.gate import rebasing
from server.gate.records import Status
from server.lsp.editor.editor_workplace import EditorWorkplace
from server.pairing.pairing_server import PairingServer
from server.state.gate_records import GateRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pygls.lsp.server import LanguageServer

    from server.assembly.core import CoreHolder
    from server.gate.records import Checkpoint
    from server.lsp.editor.client import Client
    from server.lsp.session.open_documents import Documents, OpenText

logger = logging.getLogger(__name__)

LONGEST = 1_000_000
"""Characters of a text that is given; agents and the gate take no longer ones."""


class PairedSession(Protocol):
    """The parts of a session that are offered."""

    client: Client
    roots: tuple[Path, ...]
    cores: CoreHolder
    documents: Documents

    def make_notifier(self) -> Callable[[str], None]:
        """Return a function that shows a message to the person; any thread may call it."""
        ...


class EditorPairing:
    """The editor of one connection; on its event loop. Implements `server.pairing.pairing_server.OfferedEditor`."""

    def __init__(self, server: LanguageServer, session: PairedSession) -> None:
        self._session = session
        self._state = open_state(session.make_notifier())
        self._records = GateRecords(self._state)
        self._workplace = EditorWorkplace(server, lambda: session.client, session.documents, lambda: session.roots)
        self._server = PairingServer(self)
        self._made: set[str] = set()  # requests that were carried out here, or are

    @property
    def name(self) -> str:
        """Name and version of the editor, for a person."""
        return f"{self._session.client.name} {self._session.client.version}".strip() or "An editor without a name"

    async def start(self) -> None:
        """Begin to listen for agents; only log it where that is impossible."""
        await self._server.start(self._session.roots)

    async def announce(self) -> None:
        """Announce the workspace folders again, after they have changed."""
        await self._server.announce(self._session.roots)

    async def close(self) -> None:
        """Stop listening, and close the database."""
        await self._server.close()
        await asyncio.to_thread(self._state.close)

    async def list_open(self) -> list[str]:
        """Return the real paths of the open files of the workspace that agents may read."""
        return [*await self._find_open_files()]

    async def read_open(self, path: str) -> str | None:
        """Return the text of the open file with the real path `path`; None if no such file is open.

        Raises:
            ValueError: its text is too long.
        """
        document = (await self._find_open_files()).get(path)
        if document is not None and (document.oversized or len(document.text) > LONGEST):
            raise ValueError(f"longer than {LONGEST:,} characters")
        return None if document is None else document.record.text

    async def apply(self, request: str, paths: Sequence[str]) -> str:
        """Make the changes of an approved request in the open files at `paths`; return why that failed, "" on success.

        Nothing is changed if a path is not open or not part of the request, or if the request was made before.
        """
        if request in self._made:
            return "This change was already made; nothing was changed again."
        self._made.add(request)
        opened = await self._find_open_files()
        try:
            changes, title = await asyncio.to_thread(self._read_approved_changes, request)
        except (StateError, ValueError) as error:
            self._made.discard(request)
            return str(error)
        wanted = []
        for path in paths:
            if path not in opened or path not in changes:
                self._made.discard(request)
                return f"{Path(path).name} is not open, or not part of the approved change; nothing was changed."
            wanted.append(changes[path])
        proposal = ProposedEdit(title, "", "", tuple(wanted))
        return await self._workplace.apply(proposal, confirm=False, request=request)

    def _read_approved_changes(self, request: str) -> tuple[dict[str, TextChange], str]:
        """Return the changes of texts in an approved request, by real path, and its title; blocking.

        Raises:
            StateError: the record cannot be read.
            ValueError: the request is not one that waits to be carried out.
        """
        recorded = self._records.find_request(request)
        waits = recorded is not None and recorded.status == Status.APPROVED and not recorded.verdict
        if recorded is None or recorded.id != request or not waits or not recorded.checkpoint:
            raise ValueError("The record holds no such approved change; nothing was changed.")
        checkpoint = self._records.find_checkpoint(recorded.checkpoint)
        if checkpoint is None or checkpoint.settled:
            raise ValueError("The approved change was made already; nothing was changed.")
        return _list_text_changes(checkpoint), recorded.title

    async def _find_open_files(self) -> dict[str, OpenText]:
        """Return the open files of the workspace that agents may read, by real path; none before the core is loaded."""
        core, roots = self._session.cores.current, self._session.roots
        if core is None:
            return {}
        documents = [one for one in self._session.documents if one.path is not None and not one.cell]

        def select() -> dict[str, OpenText]:
            """Return the `documents` that are in a workspace folder and not excluded, by real path; blocking."""
            folders = [Path(os.path.realpath(root)) for root in roots]
            found: dict[str, OpenText] = {}
            for one in documents:
                assert one.path is not None  # noqa: S101 (`documents` has only files)
                real = Path(os.path.realpath(one.path))
                inside = any(real.is_relative_to(folder) for folder in folders)
                if inside and not core.index.find_exclusion_reason(one.path):
                    found[str(real)] = one
            return found

        return await asyncio.to_thread(select)


def _list_text_changes(checkpoint: Checkpoint) -> dict[str, TextChange]:
    """Return the changes of existing texts in `checkpoint`, by the real path of the file."""
    changes: dict[str, TextChange] = {}
    for kept in checkpoint.files:
        if kept.kind == "text" and kept.path is not None and kept.before is not None:
            before = kept.before.text
            edits = rebasing.compute_edits(before, kept.after)
            changes[os.path.realpath(kept.path)] = TextChange(kept.uri, kept.path, before, edits)
    return changes
