"""What a request sees: values, as they were when it came. Holds no service and changes nothing; start at `Snapshot`."""

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
        document: the document it names, at the version it had then; None when it is not open, or it names none.
        client: the client's traits.
        roots: workspace folders.
        token: the client's own, to show the progress of what it asked for; None for none.
    """

    document: OpenText | None
    client: Client
    roots: tuple[Path, ...]
    token: int | str | None = None

    @property
    def encoding(self) -> str:
        """Return the unit of the client's positions ("utf-8", "utf-16", "utf-32"), for `incoming` and `outgoing`."""
        return self.client.encoding
