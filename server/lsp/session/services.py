"""The services of one connection, which request handlers use. Start at `Services`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from server.assembly.core import CoreHolder
    from server.gate.gate import Gate
    from server.gate.question.shown_documents import ShownDocuments
    from server.lsp.editor.editor_team import EditorTeam
    from server.lsp.editor.jobs import Jobs
    from server.lsp.session.chosen_fixes import ChosenFixes
    from server.lsp.session.completion_requests import CompletionRequests
    from server.lsp.session.next_edit_requests import NextEditRequests
    from server.lsp.session.open_documents import Documents
    from server.lsp.session.reviews import Reviews
    from server.lsp.session.visits import Visit
    from server.lsp.session.workspace_reviews import WorkspaceReviews
    from server.lsp.wire.guard import Guard


@dataclass(frozen=True, slots=True)
class Services:
    """All services of one connection. `server.lsp.language_server.FEATURES` says which of them a handler is given.

    Attributes:
        cores: holds the core once it is loaded.
        documents: the open documents.
        completions: answers completion requests.
        next_edits: answers requests for next edits.
        reviews: reviews open documents.
        workspace_reviews: reviews files that are not open.
        shown: documents of the server, such as diffs, that the editor may fetch.
        jobs: runs long operations with progress and cancellation.
        chosen_fixes: records safe fixes that the editor applies itself.
        guard: runs background work and counts failures.
        get_gate: returns the gate, which is created on first use.
        get_team: returns the team of agents, which is created on first use; call it on the event loop.
        pool: threads for other calls of the core.
        get_visit: returns the visit of an account, None where there are no accounts.
    """

    cores: CoreHolder
    documents: Documents
    completions: CompletionRequests
    next_edits: NextEditRequests
    reviews: Reviews
    workspace_reviews: WorkspaceReviews
    shown: ShownDocuments
    jobs: Jobs
    chosen_fixes: ChosenFixes
    guard: Guard
    get_gate: Callable[[], Gate]
    get_team: Callable[[], EditorTeam]
    pool: ThreadPoolExecutor
    get_visit: Callable[[], Visit | None] = lambda: None

    @property
    def gate(self) -> Gate:
        """The gate, through which all changes of files go; created on first use."""
        return self.get_gate()
