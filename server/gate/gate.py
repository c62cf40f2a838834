"""The one gate: validate, store the request, ask, apply, verify, record. Nothing else changes a workspace.

One question for each proposal, whatever it touches; without a yes nothing is written, and what cannot be recorded is
not done. The result is what the documents say afterwards. Lives on the event loop; disks and the state database are
waited for in threads. Start at `Gate.propose`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.edits import CreateFile
from agents.ports.failures import StateError
from agents.ports.permissions import Permission
from agents.tools import WRITE_FILE
from server.gate import outcomes, undoing, verification
from server.gate.disk.disk import DiskWorkplace
from server.gate.journal import Case, Journal
from server.gate.locating import located
from server.gate.policy import RULES, Limits, Remembered, tool_of
from server.gate.ports import Answer, Outcome, Question, Verdict
from server.gate.question import diffs
from server.gate.question.waiting import waited
from server.gate.records import name_subject
from server.gate.refusal import Refused, Unchanged
from server.gate.validation import Standing, Validation
from server.gate.verification import Seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.edits import Change, ProposedEdit
    from agents.ports.permissions import Cancelled, ToolCall
    from agents.tools import Tool
    from server.gate.locating import Located
    from server.gate.places import Places
    from server.gate.ports import Asker, Workplace
    from server.gate.records import Checkpoint, Records
    from server.gate.validation import Checked

logger = logging.getLogger(__name__)

LIMITS = Limits()
UNABLE = "This client can be asked in no way, so nothing is done; use an editor that shows messages, or a terminal."
WITHDRAWN = "The request was cancelled before it was answered, so nothing was changed."
STUCK = 20  # changes that cannot be taken back are passed over for older ones


class Gate:
    """The gate of one client.

    Args:
        records: where everything is recorded.
        places: the workspace folders and what is excluded, as they are when it is called; called in a thread.
        asker: asks a person.
        workplace: reads texts and makes changes.
        client: the editor or program, for the record.
        limits: how much is let through.
    """

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        records: Records,
        places: Callable[[], Places],
        asker: Asker,
        workplace: Workplace,
        *,
        client: str,
        limits: Limits = LIMITS,
        owns_records: bool = False,
    ) -> None:
        """Take the ports of the gate; with `owns_records`, `records` is closed with the gate."""
        self._owned = records if owns_records else None
        self.journal = Journal(records, client)
        self._places = places
        self._asker = asker
        self._workplace = workplace
        self._disk = DiskWorkplace(lambda: places().roots)
        self._limits = limits
        self._remembered = Remembered()
        self._applying = asyncio.Lock()
        self._late: set[asyncio.Task[None]] = set()

    async def propose(self, proposal: ProposedEdit, *, task: str = "", cancelled: Cancelled | None = None) -> Outcome:
        """Have a person decide about an edit, and make it after a yes.

        Args:
            proposal: the edit.
            task: what "the rest of this task" would mean, "" for nothing.
            cancelled: whether nobody wants it any more, asked several times a second while a person thinks.
        """
        return await self._proposed(proposal, task, cancelled)

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> Outcome:
        """Propose to take back a change: the newest one of this workspace that can be, where none is named."""
        try:
            if not checkpoint:
                return await self._undo_newest(cancelled)
            kept = await asyncio.to_thread(self.journal.find_checkpoint, checkpoint)
            proposal = await asyncio.to_thread(undoing.propose_undoing, kept)
        except (Refused, StateError) as error:
            return Outcome(uuid.uuid4().hex, Verdict.REFUSED, str(error))
        return await self._proposed(proposal, "", cancelled, undoes=kept.id)

    async def permit(self, call: ToolCall, *, cancelled: Cancelled | None = None) -> Permission:
        """Ask a person about a tool's call, unless its risk needs no question; `agents.ports.permissions` says more.

        Raises:
            ValueError: the tool is one that changes files, which only `propose` does.
        """
        identity = uuid.uuid4().hex
        tool = call.tool
        if tool.edits:
            raise ValueError(f"{tool.name} changes files: propose an edit")
        if not RULES[tool.risk].asks:
            return Permission(identity, granted=True, outcome=Verdict.APPLIED)
        remembers = _may_remember(call.task, tool)
        question = Question(identity, tool, call.title, call.why, call.by, call.subject, may_remember=remembers)
        outcome = await self._recorded(Case(question, call.task, "", (call.subject,)), None, cancelled)
        return Permission(identity, outcome.applied, outcome.verdict, outcome.reason)

    async def chosen(self, proposal: ProposedEdit) -> Outcome:
        """Record a safe fix that a person chose in the editor's own menu, and that stands in the document already."""
        case = Case(
            Question(uuid.uuid4().hex, tool_of(proposal), proposal.title, proposal.why, proposal.by, ""),
            "", proposal.model, _named(proposal), limited=False, answer=Answer.APPROVE,
        )  # fmt: skip
        checked: Checked | None = None
        try:
            await asyncio.to_thread(self.journal.begin, case)
            found = await asyncio.to_thread(lambda: located(self._places(), proposal))
            texts = {one.uri: Standing(getattr(one.change, "before", None)) for one in found}
            checked = await asyncio.to_thread(Validation(texts, exact=True).checked, proposal, found)
            await asyncio.to_thread(self.journal.approve, case, checked)
        except Refused as error:  # of no workspace folder, for one: then there is no undoing it from here
            return await self._ended(case, Outcome(case.id, Verdict.APPLIED, str(error)), None, None)
        stands = tuple(Seen(one, True, getattr(one, "after", None)) for one in checked.proposal.changes)
        return await self._ended(case, Outcome(case.id, Verdict.APPLIED, "", case.checkpoint), checked, stands)

    def end_task(self, task: str) -> None:
        """A task is over: what was approved for its rest is not any more."""
        self._remembered.end(task)

    async def close(self) -> None:
        """Nobody is waited for any more."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        if self._owned is not None:
            await asyncio.to_thread(self._owned.close)

    # Before anyone is asked

    async def _proposed(
        self, proposal: ProposedEdit, task: str, cancelled: Cancelled | None, *, undoes: str = ""
    ) -> Outcome:
        tool = tool_of(proposal)
        question = Question(uuid.uuid4().hex, tool, proposal.title, proposal.why, proposal.by, "")
        case = Case(question, task, proposal.model, _named(proposal), limited=not undoes, undoes=undoes)
        try:
            checked = await self._checked(proposal, case)
        except Refused as error:
            return await self._refused(case, str(error))
        roots = (await asyncio.to_thread(self._places)).roots
        case.question = replace(
            question,
            diff=await asyncio.to_thread(diffs.of_proposal, checked.proposal, roots),
            warnings=checked.warnings,
            may_remember=_may_remember(task, tool),
            proposal=checked.proposal,
        )
        return await self._recorded(case, checked, cancelled)

    async def _checked(self, proposal: ProposedEdit, case: Case) -> Checked:
        """The proposal as it can be made now.

        Raises:
            Refused: it cannot.
        """
        found = await asyncio.to_thread(self._located, proposal, case)
        now: dict[str, Standing] = {}
        for one in found:
            try:
                now[one.uri] = Standing(await self._workplace.text(one.uri, getattr(one.change, "path", None)))
            except OSError as error:
                now[one.uri] = Standing(None, error.strerror or str(error))
        validation = Validation(now, exact=bool(case.undoes))
        return await asyncio.to_thread(validation.checked, proposal, found)

    def _located(self, proposal: ProposedEdit, case: Case) -> tuple[Located, ...]:
        places = self._places()
        return located(places.forgiving() if case.undoes else places, proposal)

    async def _recorded(self, case: Case, checked: Checked | None, cancelled: Cancelled | None) -> Outcome:
        """From the record of the request to that of its outcome."""
        count = len(checked.proposal.changes) if checked is not None else 1
        try:
            if case.limited:
                asks = not self._is_remembered(case)
                await asyncio.to_thread(self.journal.check_limits, self._limits, count, asks=asks)
            await asyncio.to_thread(self.journal.begin, case)
            return await self._decided(case, checked, cancelled)
        except Refused as error:
            return await self._refused(case, str(error))
        except StateError as error:
            return Outcome(case.id, Verdict.REFUSED, f"It could not be recorded, so nothing was done. {error}")

    async def _refused(self, case: Case, why: str) -> Outcome:
        try:
            await asyncio.to_thread(self.journal.begin, case)
        except StateError:
            return Outcome(case.id, Verdict.REFUSED, why)  # the record of a refusal is worth less than its reason
        return await self._ended(case, Outcome(case.id, Verdict.REFUSED, why), None, None)

    # Asking

    async def _decided(self, case: Case, checked: Checked | None, cancelled: Cancelled | None) -> Outcome:
        confirm = False
        if obstacle := self._asker.obstacle(case.question):
            return await self._ended(case, Outcome(case.id, Verdict.REFUSED, obstacle), checked, None)
        if self._is_remembered(case):
            case.answer = Answer.APPROVE_TASK
        else:
            await asyncio.to_thread(self.journal.records.mark_asked, case.id)
            confirm = (
                checked is not None and not _restored(case, checked) and self._asker.confirms_itself(case.question)
            )
        if case.answer is None and not confirm:
            no = await self._asked(case, cancelled)
            if no is not None:
                return await self._ended(case, no, checked, None)
        if checked is not None:
            return await self._made(case, checked, cancelled, confirm=confirm)
        await asyncio.to_thread(self.journal.approve, case, None)
        return await self._ended(case, Outcome(case.id, Verdict.APPLIED), None, None)

    async def _asked(self, case: Case, cancelled: Cancelled | None) -> Outcome | None:
        """Ask the one question; the outcome unless the answer is yes."""
        begun = time.monotonic()
        asking = asyncio.ensure_future(self._asker.ask(case.question))
        try:
            answered = await waited(asking, self._limits.answer_s, cancelled)
            case.answer = asking.result() if answered else Answer.EXPIRE
        except BaseException as error:
            case.answer = Answer.EXPIRE
            withdrawn = isinstance(error, asyncio.CancelledError)
            why = WITHDRAWN if withdrawn else f"Nobody could be asked ({type(error).__name__}); see Starling's log."
            outcome = Outcome(case.id, Verdict.EXPIRED if withdrawn else Verdict.FAILED, why)
            await asyncio.shield(self._ended(case, outcome, None, None))
            raise
        finally:
            asking.cancel()  # what is still on the screen is taken down
        case.answer_s = time.monotonic() - begun
        if case.answer is Answer.APPROVE_TASK:
            self._remembered.remember(case.task, case.question.tool)
        return self._no(case, withdrawn=not answered and cancelled is not None and cancelled())

    def _no(self, case: Case, *, withdrawn: bool) -> Outcome | None:
        match case.answer:
            case Answer.REJECT:
                return Outcome(case.id, Verdict.REJECTED, outcomes.REJECTED)
            case Answer.EXPIRE:
                late = f"Nobody answered within {self._limits.answer_s:.0f} s, so nothing was done; ask for it again."
                return Outcome(case.id, Verdict.EXPIRED, WITHDRAWN if withdrawn else late)
            case Answer.UNABLE:
                return Outcome(case.id, Verdict.REFUSED, UNABLE)
            case _:
                return None

    def _is_remembered(self, case: Case) -> bool:
        """Whether a yes given earlier in the task covers it; never where something has to be known first."""
        return not case.question.warnings and self._remembered.covers(case.task, case.question.tool)

    # After a yes, or where applying asks

    async def _made(self, case: Case, checked: Checked, cancelled: Cancelled | None, *, confirm: bool) -> Outcome:
        async with self._applying:
            try:
                now = await self._checked(checked.proposal, case)
                unseen = sorted(set(now.warnings) - set(checked.warnings))
                problem = f"{' '.join(unseen)} That was not so when it was asked about." if unseen else ""
            except Refused as error:
                problem = str(error)
            if problem:
                outcome = Outcome(case.id, Verdict.FAILED, f"It was not made, as things have changed. {problem}")
                return await self._ended(case, outcome, checked, None)
            await asyncio.to_thread(self.journal.approve, case, now)
            return await self._applied(case, now, cancelled, confirm=confirm)

    async def _applied(self, case: Case, checked: Checked, cancelled: Cancelled | None, *, confirm: bool) -> Outcome:
        begun = time.monotonic()
        work = asyncio.ensure_future(self._apply(case, checked, confirm=confirm))
        try:
            done = await waited(work, self._limits.answer_s, cancelled if confirm else None)
        except asyncio.CancelledError:
            self._conclude_later(case, checked, work, confirm=confirm)
            raise
        if confirm:
            case.answer_s = time.monotonic() - begun
        if not done:
            self._conclude_later(case, checked, work, confirm=confirm)
            withdrawn = confirm and cancelled is not None and cancelled()
            why = WITHDRAWN if withdrawn else f"Not applied within {self._limits.answer_s:.0f} s; ask for it again."
            case.answer = case.answer or Answer.EXPIRE
            return await self._ended(case, Outcome(case.id, Verdict.EXPIRED, why), checked, None)
        return await self._concluded(case, checked, work, confirm=confirm)

    async def _apply(self, case: Case, checked: Checked, *, confirm: bool) -> str:
        """Have it made; "" or why it failed. Files that come back do so byte by byte, which no editor can be told."""
        restored = _restored(case, checked)
        others = tuple(change for change in checked.proposal.changes if change not in restored)
        problem = await self._disk.apply(replace(checked.proposal, changes=restored), confirm=False) if restored else ""
        if problem or not others:
            return problem
        return await self._workplace.apply(replace(checked.proposal, changes=others), confirm=confirm)

    async def _concluded(self, case: Case, checked: Checked, work: asyncio.Future[str], *, confirm: bool) -> Outcome:
        """Look at the documents and record what they say, also where applying broke down."""
        changes, before = checked.proposal.changes, checked.before
        found = await verification.seen(self._workplace, changes, before, wait_s=self._workplace.settle_s)
        broken = work.exception()
        problem = work.result() if broken is None else f"Applying it failed ({type(broken).__name__})."
        outcome = outcomes.judged(case, checked, found, problem, confirm=confirm)
        if confirm and outcome.verdict is not Verdict.FAILED:  # what failed was answered by nobody
            case.answer = Answer.APPROVE if outcome.checkpoint else Answer.REJECT
        outcome = await self._ended(case, outcome, checked, found)
        if broken is not None:
            raise broken
        return replace(outcome, unsaved=await asyncio.to_thread(verification.unsaved, checked.names, found))

    def _conclude_later(self, case: Case, checked: Checked, work: asyncio.Future[str], *, confirm: bool) -> None:
        """An editor may still apply what nobody waits for any more; that is recorded when it happens."""

        async def conclude() -> None:
            await asyncio.wait((work,))
            await self._concluded(case, checked, work, confirm=confirm)

        task = asyncio.ensure_future(conclude())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _ended(
        self, case: Case, outcome: Outcome, checked: Checked | None, found: tuple[Seen, ...] | None
    ) -> Outcome:
        logger.info(
            "proposal ended",
            extra={"id": case.id, "tool": case.question.tool.name, "by": case.question.by, "verdict": outcome.verdict},
        )
        try:
            await asyncio.to_thread(self.journal.end, case, outcome, checked, found)
        except StateError as error:
            return replace(outcome, reason=f"{outcome.reason} Its end could not be recorded: {error}".strip())
        return outcome

    # Taking back

    async def _undo_newest(self, cancelled: Cancelled | None) -> Outcome:
        """Propose to take back the newest change that can be; newer ones that cannot are named.

        Raises:
            Refused: nothing of this workspace is left to undo.
        """
        concerns = undoing.concern((await asyncio.to_thread(self._places)).roots, self.journal.untitled)
        stuck: list[tuple[Checkpoint, str]] = []
        for identity in await asyncio.to_thread(self.journal.records.list_standing, concerns):
            kept = await asyncio.to_thread(self.journal.find_checkpoint, identity)
            obstacle = await self._obstacle(kept)
            if obstacle == "":
                why = " ".join(("You asked for it.", *(f"{one.title!r} is newer: {said}" for one, said in stuck)))
                proposal = await asyncio.to_thread(undoing.propose_undoing, kept, why)
                return await self._proposed(proposal, "", cancelled, undoes=kept.id)
            if obstacle is not None:
                stuck.append((kept, obstacle))
            if len(stuck) >= STUCK:
                break
        if not stuck:
            raise Refused("Nothing that Starling changed in this workspace is left to undo.")
        first = stuck[0][0]
        return await self._proposed(
            await asyncio.to_thread(undoing.propose_undoing, first), "", cancelled, undoes=first.id
        )

    async def _obstacle(self, kept: Checkpoint) -> str | None:
        """Why a change cannot be taken back, "" where it can; None where nothing of it stands any more."""
        try:
            proposal = await asyncio.to_thread(undoing.propose_undoing, kept)
            question = Question("", WRITE_FILE, "", "", undoing.UNDO, "")
            await self._checked(proposal, Case(question, "", "", (), undoes=kept.id))
        except Unchanged:
            return None
        except Refused as error:
            return str(error)
        return ""


def _restored(case: Case, checked: Checked) -> tuple[Change, ...]:
    """The files that an undoing brings back."""
    return tuple(change for change in checked.proposal.changes if case.undoes and isinstance(change, CreateFile))


def _may_remember(task: str, tool: Tool) -> bool:
    return bool(task) and RULES[tool.risk].remembered


def _named(proposal: ProposedEdit) -> tuple[str, ...]:
    return tuple(map(name_subject, proposal.changes))
