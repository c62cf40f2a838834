"""The live services of one connection: what a request's handler works with. Decides nothing; start at `Services`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from server.assembly.core import Cores
    from server.gate.gate import Gate
    from server.gate.question.shown_documents import ShownDocuments
    from server.lsp.editor.jobs import Jobs
    from server.lsp.session.chosen_fixes import ChosenFixes
    from server.lsp.session.completion_requests import CompletionRequests
    from server.lsp.session.open_documents import Documents
    from server.lsp.session.reviews import Reviews
    from server.lsp.session.workspace_reviews import WorkspaceReviews
    from server.lsp.wire.guard import Guard


@dataclass(frozen=True, slots=True)
class Services:
    """One of each. The table of features (`server.lsp.language_server`) says which of them a handler is given.

    Attributes:
        cores: where the core is, or will be.
        documents: what is open now.
        completions: the way to a completion.
        reviews: the way to what the reviewer finds in open documents.
        workspace_reviews: the way to what it finds in files that are not open.
        shown: documents of our own that the editor may fetch.
        works: the way to what takes long: with progress, and to be cancelled.
        chosen: what is told of safe fixes that the editor makes itself.
        guard: counts failures.
        gates: where the gate is; it is made when it is first needed.
        pool: threads for other core calls.
    """

    cores: Cores
    documents: Documents
    completions: CompletionRequests
    reviews: Reviews
    workspace_reviews: WorkspaceReviews
    shown: ShownDocuments
    works: Jobs
    chosen: ChosenFixes
    guard: Guard
    gates: Callable[[], Gate]
    pool: ThreadPoolExecutor

    @property
    def gate(self) -> Gate:
        """Return the one way to change anything."""
        return self.gates()
