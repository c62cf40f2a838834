"""Safe fixes that a person chooses in the editor's menu: recorded, so that they can be undone.

The editor applies such a fix itself, and the choice is the person's approval. A fix that was handed to the editor
counts as applied once the document has the text that it leads to. Lives on the event loop. Start at
`ChosenFixes.expect` and `ChosenFixes.record_if_applied`.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.edits import ProposedEdit, TextChange
    from server.gate.gate import Gate
    from server.lsp.session.open_documents import OpenText
    from server.lsp.wire.guard import Guard

_DOCUMENTS = 16  # most documents with expected fixes; the least recent ones are dropped
_FIXES = 32  # most expected fixes of one document: as many as a menu shows
_EXPIRE_S = 60.0  # between handing out an edit and seeing it applied


@dataclass(frozen=True, slots=True)
class _Expected:
    """A fix that was handed to the editor: its one change, the text it leads to, and when it expires (monotonic)."""

    proposal: ProposedEdit
    change: TextChange
    after: str
    until: float


class ChosenFixes:
    """The safe fixes that one editor was handed and may apply."""

    def __init__(self, gate: Callable[[], Gate], guard: Guard) -> None:
        self._gate = gate
        self._guard = guard
        self._expected: OrderedDict[str, deque[_Expected]] = OrderedDict()

    def expect(self, proposal: ProposedEdit, change: TextChange) -> None:
        """Remember that the editor may apply `change`, the only change of `proposal`, within the next minute.

        Forgets the oldest ones beyond `_FIXES` of a document and `_DOCUMENTS` documents.
        """
        waiting = self._expected.setdefault(change.uri, deque(maxlen=_FIXES))
        waiting.append(_Expected(proposal, change, change.after, time.monotonic() + _EXPIRE_S))
        self._expected.move_to_end(change.uri)
        while len(self._expected) > _DOCUMENTS:
            self._expected.popitem(last=False)

    def record_if_applied(self, document: OpenText) -> None:
        """Record an expected fix in the journal, in the background, if `document` has the text that the fix leads to.

        Then forgets the other expected fixes of the document.
        """
        waiting = self._expected.get(document.uri)
        if not waiting:
            return
        now = time.monotonic()
        found = next((one for one in waiting if one.after == document.text and one.until > now), None)
        if found is not None:
            del self._expected[document.uri]
            self._guard.run_in_background("record", self._record(found.proposal), otherwise=lambda: None)

    async def _record(self, proposal: ProposedEdit) -> None:
        """Record `proposal` in the gate's journal as applied, so that it can be undone."""
        await self._gate().record_chosen_fix(proposal)
