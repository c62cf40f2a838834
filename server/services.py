"""The live services of one connection: what a request's handler works with. Decides nothing; start at `Services`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from server.completions import Completions
    from server.core import Cores
    from server.documents import Documents
    from server.gate.chosen import Chosen
    from server.gate.gate import Gate
    from server.gate.shown import Shown
    from server.guard import Guard
    from server.reviews import Reviews
    from server.works import Works
    from server.workspace_reviews import WorkspaceReviews


@dataclass(frozen=True, slots=True)
class Services:
    """One of each. The table of features (`server.app`) says which of them a handler is given.

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
    completions: Completions
    reviews: Reviews
    workspace_reviews: WorkspaceReviews
    shown: Shown
    works: Works
    chosen: Chosen
    guard: Guard
    gates: Callable[[], Gate]
    pool: ThreadPoolExecutor

    @property
    def gate(self) -> Gate:
        """Return the one way to change anything."""
        return self.gates()
