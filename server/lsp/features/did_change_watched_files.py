"""`workspace/didChangeWatchedFiles`: files changed on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.workspace import origins

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidChangeWatchedFilesParams) -> None:
    """Index the files again; also reload the settings if a settings file is among them."""
    paths = (origins.parse_file_uri(change.uri) for change in params.changes)
    session.reread_files([path for path in paths if path is not None])
