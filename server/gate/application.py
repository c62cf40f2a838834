"""An approved proposal while the client applies it: waits, compares the documents, records the outcome.

Nobody is asked here, except where the client asks while it applies. Start at `Application.run`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.gate import outcomes, undoing, verification
from server.gate.ports import Answer, Outcome, Verdict
from server.gate.question import asking
from server.gate.question.waiting import wait_unless_cancelled

if TYPE_CHECKING:
    from agents.ports.permissions import Cancelled
    from server.gate.journal import Case, Journal
    from server.gate.ports import Workplace
    from server.gate.validation import CheckedProposal


@dataclass(frozen=True, slots=True)
class Application:
    """One approved proposal that is applied through the client.

    Attributes:
        journal: records the outcome.
        workplace: applies the changes, and reads the documents afterwards.
        disk: writes files that an undo creates again.
        limit_s: longest wait for the client, seconds.
        late: background tasks that record the outcome of late clients; this adds to them.
        case: the request.
        checked: the proposal.
        confirm: whether the client asks the person while it applies the proposal.
    """

    journal: Journal
    workplace: Workplace
    disk: Workplace
    limit_s: float
    late: set[asyncio.Task[None]]
    case: Case
    checked: CheckedProposal
    confirm: bool

    async def run(self, cancelled: Cancelled | None) -> Outcome:
        """Apply the proposal; record and return the outcome, EXPIRED if the client needs longer than `limit_s`.

        With `confirm`, also EXPIRED once `cancelled` returns true; without it, `cancelled` is not called. Then, or if
        this call is cancelled, the final outcome is recorded in the background once the client has finished. An
        exception of the client is raised again after the outcome was recorded.
        """
        begun = time.monotonic()
        work = asyncio.ensure_future(self._apply_changes())
        try:
            done = await wait_unless_cancelled(work, self.limit_s, cancelled if self.confirm else None)
        except asyncio.CancelledError:
            self._conclude_later(work)
            raise
        if self.confirm:
            self.case.answer_s = time.monotonic() - begun
        if not done:
            self._conclude_later(work)
            why = f"The change was not applied within {self.limit_s:.0f} s; repeat the request."
            if self.confirm and cancelled is not None and cancelled():
                why = asking.WITHDRAWN
            self.case.answer = self.case.answer or Answer.EXPIRE
            outcome = Outcome(self.case.id, Verdict.EXPIRED, why)
            return await outcomes.record_outcome(self.journal, self.case, outcome, self.checked)
        return await self._conclude(work)

    async def _apply_changes(self) -> str:
        """Apply the changes through the client; return why that failed, "" on success.

        Files that an undo creates again are written to the disk instead, because LSP cannot pass on their exact bytes.
        """
        proposal = self.checked.proposal
        restored = undoing.select_restored(proposal) if self.case.undoes else ()
        others = tuple(change for change in proposal.changes if change not in restored)
        request, problem = self.case.id, ""
        if restored:
            problem = await self.disk.apply(replace(proposal, changes=restored), confirm=False, request=request)
        if problem or not others:
            return problem
        return await self.workplace.apply(replace(proposal, changes=others), confirm=self.confirm, request=request)

    async def _conclude(self, work: asyncio.Future[str]) -> Outcome:
        """Compare the documents with the proposal; record and return the outcome.

        `work` is the finished call of `_apply_changes`. If it raised an exception, raises that again at the end.
        """
        case, checked = self.case, self.checked
        found = await verification.observe_changes(
            self.workplace, checked.proposal.changes, checked.before, wait_s=self.workplace.settle_s
        )
        broken = work.exception()
        problem = work.result() if broken is None else f"Applying it failed ({type(broken).__name__})."
        outcome = outcomes.judge_outcome(case, checked, found, problem, confirm=self.confirm)
        if self.confirm and outcome.verdict is not Verdict.FAILED:  # a failure says nothing about the person's answer
            case.answer = Answer.APPROVE if outcome.checkpoint else Answer.REJECT
        outcome = await outcomes.record_outcome(self.journal, case, outcome, checked, found)
        if broken is not None:
            raise broken
        return replace(outcome, unsaved=await asyncio.to_thread(verification.list_unsaved, checked.names, found))

    def _conclude_later(self, work: asyncio.Future[str]) -> None:
        """Start a background task that records the outcome once `work` ends: an editor may apply a change late."""

        async def conclude_when_done() -> None:
            """Wait until the client has finished, and record the outcome."""
            await asyncio.wait((work,))
            await self._conclude(work)

        task = asyncio.ensure_future(conclude_when_done())
        self.late.add(task)
        task.add_done_callback(self.late.discard)
