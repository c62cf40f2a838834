"""The editor as a workplace: texts are read from its open documents, and it is asked to make the changes.

What is open is changed there and saved by the person; a text that is not, the editor opens. Files that a person has
said yes to are made on the disk: editors leave them empty there and their text unsaved (Neovim in a buffer that nobody
sees, with an empty line too many), and overwrite what came in between. Never takes "applied" for a proof: the gate
looks at the documents afterwards. Start at `EditorWorkplace`.
"""

from __future__ import annotations

import asyncio
import errno
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from agents.edits import DeleteFile, RenameFile, TextChange
from server.lsp.conversion.workspace_edits import workspace_edit
from server.lsp.editor.client_requests import ask_client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from agents.edits import Change, ProposedEdit
    from server.lsp.editor.client import Client
    from server.lsp.session.open_documents import Documents, OpenText

APPLY_WAIT_S = 30.0  # for an editor that asks nobody
LOOK_AGAIN_S = 0.05
SETTLE_S = 3.0  # editors tell of changes late: Neovim after 0.15 s, Emacs when it has been idle for 0.5 s


class EditorWorkplace:
    """Reads and changes through the editor at the other end of a connection."""

    def __init__(
        self,
        server: LanguageServer,
        client: Callable[[], Client],
        documents: Documents,
        roots: Callable[[], Sequence[Path]],
    ) -> None:
        """`client` gives the client's traits and `roots` the workspace folders, which come with `initialize`."""
        self._server = server
        self._client = client
        self._documents = documents
        self._roots = roots

    @property
    def settle_s(self) -> float:
        """How long changes may still come in after the editor said that it made them, seconds."""
        return SETTLE_S

    async def text(self, uri: str, path: Path | None) -> str | None:
        """The open document of that URI or path as it stands, else the file; None when there is neither.

        Raises:
            OSError: it is no text, or too large.
        """
        document = self._opened(uri, path)
        if document is not None and document.oversized:
            raise OSError(errno.EFBIG, "too large", uri)
        if document is not None:
            return document.record.text
        return None if path is None else await asyncio.to_thread(_on_disk, path)

    async def apply(self, proposal: ProposedEdit, *, confirm: bool) -> str:
        """Have the editor make the changes; with `confirm` its preview asks. Returns "" or why it failed."""
        client = self._client()
        if confirm and not client.editing.previews:
            return f"{client.name or 'This editor'} cannot be trusted to ask; nothing was sent to it."
        for change in proposal.changes:
            if isinstance(change, TextChange) and self._moved_on(change):
                return f"{change.uri} has changed meanwhile; ask again."
        through = tuple(one for one in proposal.changes if confirm or _by_editor(one, client))
        closed = [one for one in through if isinstance(one, TextChange) and self._document(one) is None]
        problem = await self._sent(replace(proposal, changes=through), client, confirm=confirm) if through else ""
        problem = problem or ("" if confirm else await self._hidden(closed))
        others = tuple(one for one in proposal.changes if one not in through)
        if problem or not others:
            return problem
        from server.gate.disk.disk import DiskWorkplace  # noqa: PLC0415 (with the gate)

        return await DiskWorkplace(self._roots).apply(replace(proposal, changes=others), confirm=False)

    async def _sent(self, proposal: ProposedEdit, client: Client, *, confirm: bool) -> str:
        edit = workspace_edit(
            proposal, self._document, client.encoding, versioned=client.editing.versioned, confirm=confirm
        )
        params = types.ApplyWorkspaceEditParams(edit, label=proposal.title)
        limit_s = None if confirm else APPLY_WAIT_S
        try:
            answer = await ask_client(self._server, types.WORKSPACE_APPLY_EDIT, params, limit_s=limit_s)
        except JsonRpcException as error:
            return f"The editor refused the edit: {error}"
        except TimeoutError:
            return f"The editor did not answer in {APPLY_WAIT_S:g} s; look whether the change is there."
        if answer.applied or confirm:  # what was not ticked in a preview was rejected, and nothing failed
            return ""
        return answer.failure_reason or "The editor did not apply the edit; its own log may say why."

    async def _hidden(self, closed: Sequence[TextChange]) -> str:
        """Where the editor may have changed texts in places that it shows us nothing of."""
        end = time.monotonic() + SETTLE_S
        while hidden := [one for one in closed if self._document(one) is None and await self._as_before(one)]:
            if time.monotonic() >= end:
                names = ", ".join(one.path.name if one.path is not None else one.uri for one in hidden)
                return (
                    f"The editor says it changed {names}, but neither the disk nor an open document shows it: look for "
                    "an unsaved buffer there (Neovim opens files of no known language without telling Starling)."
                )
            await asyncio.sleep(LOOK_AGAIN_S)
        return ""

    async def _as_before(self, change: TextChange) -> bool:
        try:
            return await self.text(change.uri, change.path) == change.before
        except OSError:
            return False

    def _document(self, change: TextChange) -> OpenText | None:
        return self._opened(change.uri, change.path)

    def _moved_on(self, change: TextChange) -> bool:
        document = self._document(change)
        return document is not None and document.record.text != change.before

    def _opened(self, uri: str, path: Path | None) -> OpenText | None:
        """The open document of that URI, or of that file under another one (escapes, links on the way)."""
        document = self._documents.get(uri)
        if document is None and path is not None:
            same = (one for one in self._documents if one.path is not None and one.path.name == path.name)
            document = next((one for one in same if one.path == path or _same_file(one.path, path)), None)
        return document


def _by_editor(change: Change, client: Client) -> bool:
    """Whether the editor makes a change that a person has said yes to; what it cannot is made on the disk."""
    match change:
        case TextChange():
            return True
        case RenameFile():
            return "rename" in client.editing.operations
        case DeleteFile():
            return "delete" in client.editing.operations
        case _:
            return False


def _on_disk(path: Path) -> str | None:
    from server.gate.disk import contents  # noqa: PLC0415 (nobody writes before the answer to `initialize`)

    content = contents.read(path)
    return None if content is None else content.text


def _same_file(one: Path | None, other: Path) -> bool:
    try:
        return one is not None and one.samefile(other)
    except OSError:  # one of them is not there
        return False
