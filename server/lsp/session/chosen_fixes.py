"""Safe fixes that a person chose in the editor's own menu: recorded once they are seen in the document.

The editor makes them itself, the choice is the confirmation; all there is to do is to notice, and to write down what
was changed so that it can be undone. Lives on the event loop. Start at `ChosenFixes.expect` and `ChosenFixes.seen`.
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

_DOCUMENTS = 16
_EACH = 32  # of one document: a menu's worth
_WAITED_S = 60.0  # between the editor's asking for the edit and its making it


@dataclass(frozen=True, slots=True)
class _Expected:
    proposal: ProposedEdit
    change: TextChange
    after: str
    until: float


class ChosenFixes:
    """The fixes that one editor was handed."""

    def __init__(self, gate: Callable[[], Gate], guard: Guard) -> None:
        self._gate = gate
        self._guard = guard
        self._expected: OrderedDict[str, deque[_Expected]] = OrderedDict()

    def expect(self, proposal: ProposedEdit, change: TextChange) -> None:
        """The editor was handed this, the one change of `proposal`, and may make it."""
        waiting = self._expected.setdefault(change.uri, deque(maxlen=_EACH))
        waiting.append(_Expected(proposal, change, change.after, time.monotonic() + _WAITED_S))
        self._expected.move_to_end(change.uri)
        while len(self._expected) > _DOCUMENTS:
            self._expected.popitem(last=False)

    def seen(self, document: OpenText) -> None:
        """A document is another now: perhaps because one of them was made."""
        waiting = self._expected.get(document.uri)
        if not waiting:
            return
        now = time.monotonic()
        found = next((one for one in waiting if one.after == document.text and one.until > now), None)
        if found is not None:
            del self._expected[document.uri]
            self._guard.background("record", self._record(found.proposal), otherwise=lambda: None)

    async def _record(self, proposal: ProposedEdit) -> None:
        await self._gate().record_chosen_fix(proposal)
