"""Requests for the next edit, and the history of edits that it is found from.

Lives on the event loop and never blocks it; a newer request or a change supersedes the older one. Decides nothing about
the edits. Start at `NextEditRequests.propose`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from agents.next_edit.history import EditHistory
from agents.suggestions import Origin, Suggestion
from server.lsp.session.cancellation import Tickets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from agents.findings import Finding
    from agents.next_edit.history import LineChange, PastEdit
    from agents.next_edit.next_editor import NextEditor
    from agents.next_edit.next_edits import NextEdit
    from server.assembly.core import Core, CoreHolder
    from server.lsp.editor.client import Client
    from server.lsp.session.cancellation import Ticket
    from server.lsp.session.open_documents import Documents, OpenText
    from server.lsp.wire.guard import Guard

THREADS = 2  # one computes, the other one holds a superseded call that has not noticed yet
OTHERS = 16  # most other open documents that are searched


@dataclass(frozen=True, slots=True)
class PlacedEdit:
    """An edit, and the document that it is for, at the version that it was made for."""

    edit: NextEdit
    document: OpenText


class NextEditRequests:
    """The requests for next edits of one session."""

    def __init__(
        self,
        cores: CoreHolder,
        documents: Documents,
        guard: Guard,
        *,
        get_client: Callable[[], Client],
        get_findings: Callable[[OpenText], Sequence[Finding]],
    ) -> None:
        """Set the parts of the session that are used.

        Args:
            cores: holds the core once it is loaded.
            documents: the open documents.
            guard: records failures.
            get_client: returns the client's capabilities.
            get_findings: returns the findings in a document's current text, none if it is not reviewed yet.
        """
        self._cores = cores
        self._get_findings = get_findings
        self._documents = documents
        self._guard = guard
        self._get_client = get_client
        self._history = EditHistory()
        self._tickets = Tickets()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="next-edit")
        self._has_plugin = False

    def note_change(self, before: OpenText | None, after: OpenText) -> None:
        """Record a change of a document, which supersedes the request about it; `before` is None for a new document.

        While next edits are off for its language, forgets the document's edits.
        """
        self._tickets.cancel(after.uri)
        editor = self._get_editor()
        if editor is None or not editor.policy.is_on(after.language):
            self._history.forget(after.uri)  # the places of its edits are not kept up to date
        elif before is not None:
            self._history.note_change(after.uri, before.text, after.text)

    def note_plugin(self) -> None:
        """Note that the client has a plugin that shows next edits, so that it gets none as suggestions."""
        self._has_plugin = True

    async def propose(self, document: OpenText, offset: int) -> PlacedEdit | None:
        """Return the next edit for a person whose cursor is at `offset` in `document`; None if there is none.

        None too while the server is starting, for a document that is withheld from models, and if a newer request or a
        change superseded this one.
        """
        core = self._cores.current
        editor = self._get_editor()
        if core is None or editor is None or document.oversized:
            return None
        edits, undone = self._history.list_recent(editor.policy.recent_s), self._history.list_undone()
        if not edits:
            return None
        others = [one for one in self._documents if one.uri != document.uri and not one.oversized][-OTHERS:]
        with self._tickets.open(document.uri) as ticket:
            findings = self._get_findings(document)
            call = partial(_propose, core, editor, document, offset, edits, undone, others, findings, ticket)
            work = self._pool.submit(call)
            placed = await ticket.wait_result(work)
            if ticket.is_cancelled():
                work.add_done_callback(self._record_failure)
            return placed

    async def suggest_in_line(self, document: OpenText, offset: int) -> Suggestion | None:
        """Return the next edit as a suggestion, if it is in the cursor's line and the client shows none otherwise."""
        if self._has_plugin or self._get_client().shows_next_edits:
            return None
        placed = await self.propose(document, offset)
        if placed is None or placed.document.uri != document.uri:
            return None
        edit = placed.edit.candidate
        line = document.lines.find_line(offset)
        if "\n" in edit.text or {document.lines.find_line(edit.start), document.lines.find_line(edit.end)} != {line}:
            return None
        return Suggestion(placed.edit.id, edit.text, edit.start, edit.end, Origin.NEXT_EDIT, 1.0)

    def record_shown(self, edit_id: str) -> None:
        """Count an edit as shown; ignore an unknown id."""
        if (editor := self._get_editor()) is not None:
            editor.record_shown(edit_id)

    def record_outcome(self, edit_id: str, *, accepted: bool) -> bool:
        """Count an edit as accepted or rejected; return False for an unknown id, and while the server is starting."""
        editor = self._get_editor()
        return editor is not None and editor.record_outcome(edit_id, accepted=accepted)

    def forget(self, uri: str) -> None:
        """Cancel the request about the closed document `uri`, and forget its edits."""
        self._tickets.forget(uri)
        self._history.forget(uri)

    def close(self) -> None:
        """Cancel all requests, which are answered with no edit, and accept no more."""
        self._tickets.cancel_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _get_editor(self) -> NextEditor | None:
        """Return the core's finder of next edits, None while the server is starting."""
        core = self._cores.current
        return None if core is None else core.next_editor

    def _record_failure(self, work: Future[PlacedEdit | None]) -> None:
        """Record the error of `work` if it failed; its request was cancelled, so nobody else sees the error."""
        if not work.cancelled() and (error := work.exception()) is not None:
            self._guard.record_failure("next edit", error)


def _propose(  # noqa: PLR0913, PLR0917 (one call in a thread)
    core: Core,
    editor: NextEditor,
    document: OpenText,
    offset: int,
    edits: Sequence[PastEdit],
    undone: frozenset[LineChange],
    others: Sequence[OpenText],
    findings: Sequence[Finding],
    ticket: Ticket,
) -> PlacedEdit | None:
    """Return the next edit; None for a document that is withheld from models. Call it in a thread."""
    if _is_withheld(core, document):
        return None
    visible = [one for one in others if not _is_withheld(core, one)]
    edit = editor.propose(
        document.record,
        offset,
        edits=edits,
        undone=undone,
        others=[one.record for one in visible],
        findings=findings,
        cancelled=ticket.is_cancelled,
    )
    if edit is None:
        return None
    target = next(one for one in (document, *visible) if one.uri == edit.candidate.uri)
    return PlacedEdit(edit, target)


def _is_withheld(core: Core, document: OpenText) -> bool:
    """Return whether no model may see the document, or the settings exclude it from completion."""
    path = document.path or document.container
    excluded = path is not None and core.is_completion_excluded(path)
    return excluded or bool(core.index.find_withholding_reason(document.record))
