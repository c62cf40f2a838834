"""The immutable state that a request handler gets: values at the time the request came, no services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from server.lsp.editor.client import Client
    from server.lsp.session.open_documents import OpenText


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the connection when a request came.

    Attributes:
        document: the document that the request names, at its version then; None if it is not open or none is named.
        client: the client's capabilities.
        roots: workspace folders.
        token: the request's work-done token, under which its progress is shown; None without one.
    """

    document: OpenText | None
    client: Client
    roots: tuple[Path, ...]
    token: int | str | None = None

    @property
    def encoding(self) -> str:
        """The unit of the client's positions ("utf-8", "utf-16", "utf-32")."""
        return self.client.encoding
