"""`workspace/didChangeWorkspaceFolders`: workspace folders were added or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidChangeWorkspaceFoldersParams) -> None:
    """Index added folders, drop removed ones from the index, and reload the settings."""
    session.change_folders(
        incoming.list_local_folders(params.event.added), incoming.list_local_folders(params.event.removed)
    )
