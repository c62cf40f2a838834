"""The gate's `Workplace` in an editor: reads texts from open documents and has the editor apply changes.

The editor changes texts, opening a file that is not open; the person saves them. Approved new files are written to
the disk by the server, because editors create them empty and leave the text unsaved (Neovim in a buffer that nobody
sees, with an extra empty line), and overwrite what came in between. The editor's "applied" is never trusted: the
gate compares the documents afterwards. Start at `EditorWorkplace`.
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
from server.lsp.conversion.workspace_edits import build_workspace_edit
from server.lsp.editor.client_requests import ask_client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from agents.edits import Change, ProposedEdit
    from server.lsp.editor.client import Client
    from server.lsp.session.open_documents import Documents, OpenText

APPLY_WAIT_S = 30.0  # for an edit that the editor applies without asking a person
LOOK_AGAIN_S = 0.05
SETTLE_S = 3.0  # editors report changes late: Neovim after 0.15 s, Emacs when it has been idle for 0.5 s


class EditorWorkplace:
    """Reads and changes files through the editor at the other end of a connection."""

    def __init__(
        self,
        server: LanguageServer,
        client: Callable[[], Client],
        documents: Documents,
        roots: Callable[[], Sequence[Path]],
    ) -> None:
        """Prepare to read and change.

        Args:
            server: the connection to the editor.
            client: returns the client's capabilities, which are known after `initialize`.
            documents: the documents that are open in the editor.
            roots: returns the workspace folders, which are known after `initialize`.
        """
        self._server = server
        self._client = client
        self._documents = documents
        self._roots = roots

    @property
    def settle_s(self) -> float:
        """Longest time in seconds between the editor's report that it applied an edit and the last change."""
        return SETTLE_S

    async def read_text(self, uri: str, path: Path | None) -> str | None:
        """Return the text of the open document with that URI or path, else of the file; None if there is neither.

        Raises:
            OSError: the content is not text, or is too large.
        """
        document = self._find_open(uri, path)
        if document is not None and document.oversized:
            raise OSError(errno.EFBIG, "too large", uri)
        if document is not None:
            return document.record.text
        return None if path is None else await asyncio.to_thread(_read_file, path)

    async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str = "") -> str:  # noqa: ARG002 (the editor needs no record)
        """Apply `proposal` through the editor; return "" or why it failed.

        New files, and moves and deletions that the editor cannot make, are made on the disk instead. With `confirm` the
        editor makes all changes, after its preview has asked the person; a rejection there also returns "".
        """
        client = self._client()
        if confirm and not client.editing.previews:
            return f"{client.name or 'This editor'} cannot be trusted to ask; nothing was sent to it."
        for change in proposal.changes:
            if isinstance(change, TextChange) and self._has_changed(change):
                return f"{change.uri} has changed meanwhile; ask again."
        by_editor = tuple(one for one in proposal.changes if confirm or _can_editor_apply(one, client))
        closed = [one for one in by_editor if isinstance(one, TextChange) and self._find_document(one) is None]
        problem = ""
        if by_editor:
            problem = await self._apply_through_client(replace(proposal, changes=by_editor), client, confirm=confirm)
        problem = problem or ("" if confirm else await self._wait_until_visible(closed))
        on_disk = tuple(one for one in proposal.changes if one not in by_editor)
        if problem or not on_disk:
            return problem
        from server.gate.disk.disk import DiskWorkplace  # noqa: PLC0415 (with the gate)

        return await DiskWorkplace(self._roots).apply(replace(proposal, changes=on_disk), confirm=False)

    async def _apply_through_client(self, proposal: ProposedEdit, client: Client, *, confirm: bool) -> str:
        """Send `workspace/applyEdit` and wait for the answer; return "" or why the edit was not applied.

        With `confirm` waits without limit, and returns "" also if the person rejected the edit.
        """
        edit = build_workspace_edit(
            proposal, self._find_document, client.encoding, versioned=client.editing.versioned, confirm=confirm
        )
        params = types.ApplyWorkspaceEditParams(edit, label=proposal.title)
        limit_s = None if confirm else APPLY_WAIT_S
        try:
            answer = await ask_client(self._server, types.WORKSPACE_APPLY_EDIT, params, limit_s=limit_s)
        except JsonRpcException as error:
            return f"The editor refused the edit: {error}"
        except TimeoutError:
            return f"The editor did not answer in {APPLY_WAIT_S:g} s; look whether the change is there."
        if answer.applied or confirm:  # an edit that the person rejected in a preview is no failure
            return ""
        return answer.failure_reason or "The editor did not apply the edit; its own log may say why."

    async def _wait_until_visible(self, closed: Sequence[TextChange]) -> str:
        """Wait until `closed`, changes of files that were not open, are visible on the disk or as open documents.

        Return "", or, after `SETTLE_S`, a sentence that names the files that still look unchanged.
        """
        end = time.monotonic() + SETTLE_S
        while hidden := [one for one in closed if self._find_document(one) is None and await self._is_unchanged(one)]:
            if time.monotonic() >= end:
                names = ", ".join(one.path.name if one.path is not None else one.uri for one in hidden)
                return (
                    f"The editor says it changed {names}, but neither the disk nor an open document shows it: look for "
                    "an unsaved buffer there (Neovim opens files of no known language without telling Starling)."
                )
            await asyncio.sleep(LOOK_AGAIN_S)
        return ""

    async def _is_unchanged(self, change: TextChange) -> bool:
        """Return whether the text is still the one that `change` was made for; False if it cannot be read."""
        try:
            return await self.read_text(change.uri, change.path) == change.before
        except OSError:
            return False

    def _find_document(self, change: TextChange) -> OpenText | None:
        """Return the open document that `change` is for, None if it is not open."""
        return self._find_open(change.uri, change.path)

    def _has_changed(self, change: TextChange) -> bool:
        """Return whether the document is open and no longer has the text that `change` was made for."""
        document = self._find_document(change)
        return document is not None and document.record.text != change.before

    def _find_open(self, uri: str, path: Path | None) -> OpenText | None:
        """Return the open document with that URI, else the one of the same file under another URI (escapes, links)."""
        document = self._documents.get(uri)
        if document is None and path is not None:
            same = (one for one in self._documents if one.path is not None and one.path.name == path.name)
            document = next((one for one in same if one.path == path or _is_same_file(one.path, path)), None)
        return document


def _can_editor_apply(change: Change, client: Client) -> bool:
    """Return whether the editor applies an approved `change`; the server makes all others on the disk."""
    match change:
        case TextChange():
            return True
        case RenameFile():
            return "rename" in client.editing.operations
        case DeleteFile():
            return "delete" in client.editing.operations
        case _:
            return False


def _read_file(path: Path) -> str | None:
    """Return the text of the file at `path`, None if there is no file. Raises OSError."""
    from server.gate.disk import contents  # noqa: PLC0415 (not needed before `initialize` is answered)

    content = contents.read(path)
    return None if content is None else content.text


def _is_same_file(one: Path | None, other: Path) -> bool:
    """Return whether both paths lead to the same file; False if there is none at one of them."""
    try:
        return one is not None and one.samefile(other)
    except OSError:  # one of the files does not exist
        return False
