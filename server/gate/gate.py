"""The gate that every change of a workspace passes: validate, record the request, ask, apply, verify, record the end.

Asks one question for each proposal, however many files it touches. Writes nothing without a yes, and nothing that
cannot be recorded. Judges the outcome by the documents afterwards, not by the client's report. Runs on the event loop;
reads disks and the state database in threads. Start at `Gate.propose`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from agents.ports.permissions import Permission
from agents.tools import WRITE_FILE
from server.gate import outcomes, undoing, verification
from server.gate.disk.disk import DiskWorkplace
from server.gate.journal import Case, Journal
from server.gate.locating import locate_changes
from server.gate.policy import RULES, Limits, RememberedAnswers, choose_tool, may_remember
from server.gate.ports import Answer, Outcome, Question, Verdict
from server.gate.question import asking, diffs, wording
from server.gate.question.waiting import wait_while_wanted
from server.gate.records import list_subjects
from server.gate.refusal import Refused, Unchanged
from server.gate.validation import CurrentText, Validation, read_current_texts
from server.gate.verification import ObservedChange

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.edits import ProposedEdit
    from agents.ports.permissions import Cancelled, ToolCall
    from server.gate.locating import LocatedChange
    from server.gate.places import Places
    from server.gate.ports import Asker, Workplace
    from server.gate.records import Checkpoint, Records
    from server.gate.validation import CheckedProposal

logger = logging.getLogger(__name__)

LIMITS = Limits()


class Gate:
    """The gate of one client.

    Args:
        records: stores requests, checkpoints and the audit.
        places: returns the current workspace folders and exclusions; runs in a worker thread.
        asker: asks a person.
        workplace: reads texts and applies changes.
        client: name of the editor or program, for the record.
        limits: the most operations and questions in an hour, and the longest wait for an answer.
        owns_records: whether `close` also closes `records`.
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
        """Store the ports; read and write nothing yet."""
        self._owned = records if owns_records else None
        self.journal = Journal(records, client)
        self._places = places
        self._asker = asker
        self._workplace = workplace
        self._disk = DiskWorkplace(lambda: places().roots)
        self._limits = limits
        self._remembered = RememberedAnswers()
        self._applying = asyncio.Lock()
        self._late: set[asyncio.Task[None]] = set()

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> Outcome:
        """Ask a person to approve `proposal`, if it is valid; apply it after a yes; record and return the outcome.

        Args:
            proposal: the edit.
            task: id of the task to which the answer "and the rest of this task" applies; without an id that answer is
                not offered.
            rule: description of the person's rule that approves the edit without a question if there are no warnings;
                "" for none.
            cancelled: returns whether the request was cancelled; polled several times a second while a person decides.
        """
        return await self._propose(proposal, task, cancelled, rule=rule)

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> Outcome:
        """Ask a person to undo the change of the checkpoint with the id `checkpoint`; undo it after a yes.

        Without an id, undoes the newest change of this workspace that can be undone. Returns the outcome, which is
        recorded unless there is no such change.
        """
        try:
            if checkpoint:
                kept = await asyncio.to_thread(self.journal.find_checkpoint, checkpoint)
                proposal = await asyncio.to_thread(undoing.propose_undoing, kept)
            else:
                concerns = undoing.make_filter((await asyncio.to_thread(self._places)).roots, self.journal.untitled)
                kept, proposal = await undoing.choose_newest(self.journal, concerns, self._find_undo_obstacle)
        except (Refused, StateError) as error:
            return Outcome(uuid.uuid4().hex, Verdict.REFUSED, str(error))
        return await self._propose(proposal, "", cancelled, undoes=kept.id)

    async def ask_again(self, request: str, *, cancelled: Cancelled | None = None) -> Outcome:
        """Ask a person again about the edit of a request that nobody answered; return the outcome of the new request.

        Validates and shows the edit like a new one. REFUSED if `request`, an id or its first characters, names none.
        """
        try:
            _, proposal = await asyncio.to_thread(self.journal.find_unanswered, request)
        except (Refused, StateError) as error:
            return Outcome(uuid.uuid4().hex, Verdict.REFUSED, str(error))
        if proposal is None:
            return Outcome(
                uuid.uuid4().hex, Verdict.REFUSED, "This was no edit; its agent can ask again: go on with it."
            )
        return await self._propose(proposal, "", cancelled)

    async def permit(self, call: ToolCall, *, cancelled: Cancelled | None = None) -> Permission:
        """Ask a person to permit the tool call `call`, and record the answer; the caller then runs the tool.

        Grants a call of a low-risk tool without a question or a record, unless `call.asks`. Implements
        `agents.ports.permissions.Permissions`.

        Raises:
            ValueError: the tool changes files, which must go through `propose`.
        """
        identity, tool, texts = uuid.uuid4().hex, call.tool, (call.title, call.why, call.by, call.subject)
        if tool.edits:
            raise ValueError(f"{tool.name} changes files: propose an edit")
        if not RULES[tool.risk].asks and not call.asks:
            return Permission(identity, granted=True, outcome=Verdict.APPLIED)
        warnings, remembers = wording.list_gaps(call.isolation), may_remember(call.task, tool)
        question = Question(identity, tool, *texts, warnings, remembers, rule=call.rule, origin=call.origin)
        outcome = await self._process(Case(question, call.task, "", (call.subject,)), None, cancelled)
        return Permission(identity, outcome.applied, outcome.verdict, outcome.reason)

    async def record_chosen_fix(self, proposal: ProposedEdit) -> Outcome:
        """Record a fix that the editor has already applied, because a person chose it in the editor's menu.

        Stores a checkpoint, so that `undo` can undo the fix. Returns an outcome with the verdict APPLIED; if the gate
        may not change the file, it has no checkpoint, and `reason` says why.

        Raises:
            StateError: the request or the checkpoint cannot be recorded.
        """
        case = Case(
            Question(uuid.uuid4().hex, choose_tool(proposal), proposal.title, proposal.why, proposal.by, ""),
            "", proposal.model, list_subjects(proposal), limited=False, answer=Answer.APPROVE,
        )  # fmt: skip
        checked: CheckedProposal | None = None
        try:
            await asyncio.to_thread(self.journal.begin, case)
            located = await asyncio.to_thread(lambda: locate_changes(self._places(), proposal))
            texts = {one.uri: CurrentText(getattr(one.change, "before", None)) for one in located}
            checked = await asyncio.to_thread(Validation(texts, exact=True).check, proposal, located)
            await asyncio.to_thread(self.journal.approve, case, checked)
        except Refused as error:  # for example a file outside of the workspace, which `undo` could not change
            return await self._end(case, Outcome(case.id, Verdict.APPLIED, str(error)), None, None)
        observed = tuple(ObservedChange(one, True, getattr(one, "after", None)) for one in checked.proposal.changes)
        return await self._end(case, Outcome(case.id, Verdict.APPLIED, "", case.checkpoint), checked, observed)

    def end_task(self, task: str) -> None:
        """Forget the approvals for the rest of the task with the id `task`, so that a person is asked again."""
        self._remembered.end(task)

    async def close(self) -> None:
        """Stop waiting for edits that the client may still apply; close the records if the gate owns them."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        if self._owned is not None:
            await asyncio.to_thread(self._owned.close)

    # Before anyone is asked

    async def _propose(
        self, proposal: ProposedEdit, task: str, cancelled: Cancelled | None, *, undoes: str = "", rule: str = ""
    ) -> Outcome:
        """Validate `proposal`, ask a person about it, and apply it if approved; return the outcome.

        `undoes` is the id of the checkpoint that the proposal undoes, "" for none.
        """
        tool = choose_tool(proposal)
        texts, origin = (proposal.title, proposal.why, proposal.by, ""), proposal.origin
        question = Question(uuid.uuid4().hex, tool, *texts, rule=rule, origin=origin)
        case = Case(question, task, proposal.model, list_subjects(proposal), limited=not undoes, undoes=undoes)
        try:
            checked = await self._validate(proposal, case)
        except Refused as error:
            return await self._refuse(case, str(error))
        roots = (await asyncio.to_thread(self._places)).roots
        case.question = replace(
            question,
            diff=await asyncio.to_thread(diffs.render_diff, checked.proposal, roots),
            warnings=checked.warnings,
            may_remember=may_remember(task, tool),
            proposal=checked.proposal,
        )
        return await self._process(case, checked, cancelled)

    async def _validate(self, proposal: ProposedEdit, case: Case) -> CheckedProposal:
        """Check `proposal` against the current texts; return it with its edits moved to their places in those texts.

        Raises:
            Refused: the proposal breaks a rule, or no longer fits the texts.
        """
        located = await asyncio.to_thread(self._locate, proposal, case)
        texts = await read_current_texts(self._workplace, located)
        return await asyncio.to_thread(Validation(texts, exact=bool(case.undoes)).check, proposal, located)

    def _locate(self, proposal: ProposedEdit, case: Case) -> tuple[LocatedChange, ...]:
        """Return each change of `proposal` with its file; blocking. Only an undo may change excluded files."""
        places = self._places()
        return locate_changes(places.allow_excluded() if case.undoes else places, proposal)

    async def _process(self, case: Case, checked: CheckedProposal | None, cancelled: Cancelled | None) -> Outcome:
        """Check the limits, record the request, ask a person, and apply an approved change; return the outcome.

        `checked` is None for a tool call. The verdict is REFUSED if a limit is reached or nothing can be recorded.
        """
        count = len(checked.proposal.changes) if checked is not None else 1
        try:
            if case.limited:
                asks = self._find_earlier_answer(case) is None
                await asyncio.to_thread(self.journal.check_limits, self._limits, count, asks=asks)
            await asyncio.to_thread(self.journal.begin, case)
            return await self._decide(case, checked, cancelled)
        except Refused as error:
            return await self._refuse(case, str(error))
        except StateError as error:
            return Outcome(case.id, Verdict.REFUSED, f"The request could not be recorded, so nothing was done. {error}")

    async def _refuse(self, case: Case, why: str) -> Outcome:
        """Record the request as refused, with the reason `why`; return the outcome, even if nothing can be recorded."""
        try:
            await asyncio.to_thread(self.journal.begin, case)
        except StateError:
            return Outcome(case.id, Verdict.REFUSED, why)  # the reason of the refusal matters more to the person
        return await self._end(case, Outcome(case.id, Verdict.REFUSED, why), None, None)

    # Asking

    async def _decide(self, case: Case, checked: CheckedProposal | None, cancelled: Cancelled | None) -> Outcome:
        """Ask a person unless a rule or an earlier answer approves; apply an approved change; return the outcome.

        Asks no question if the client shows its own preview while it applies the edit (`Asker.asks_while_applying`).
        Records the outcome.
        """
        confirm = False
        if obstacle := self._asker.find_obstacle(case.question):
            return await self._end(case, Outcome(case.id, Verdict.REFUSED, obstacle), checked, None)
        case.answer = self._find_earlier_answer(case)
        if case.answer is None:
            await asyncio.to_thread(self.journal.records.mark_asked, case.id)
            confirm = (
                checked is not None
                and not (case.undoes and undoing.select_restored(checked.proposal))
                and self._asker.asks_while_applying(case.question)
            )
        if case.answer is None and not confirm:
            not_approved = await self._ask(case, cancelled)
            if not_approved is not None:
                return await self._end(case, not_approved, checked, None)
        if checked is not None:
            return await self._apply_if_current(case, checked, cancelled, confirm=confirm)
        await asyncio.to_thread(self.journal.approve, case, None)
        return await self._end(case, Outcome(case.id, Verdict.APPLIED), None, None)

    async def _ask(self, case: Case, cancelled: Cancelled | None) -> Outcome | None:
        """Ask the question of `case`; remember the answer if it is a yes for the rest of the task.

        Returns None for a yes, else the outcome, which the caller has to record. If asking fails or is cancelled,
        records that outcome here and raises the error again.
        """
        try:
            not_approved = await asking.ask(self._asker, case, self._limits.answer_s, cancelled)
        except BaseException as error:
            await asyncio.shield(self._end(case, asking.describe_failure(case, error), None, None))
            raise
        if case.answer is Answer.APPROVE_TASK:
            self._remembered.remember(case.task, case.question.tool)
        return not_approved

    def _find_earlier_answer(self, case: Case) -> Answer | None:
        """Return the approval by a person's rule or for the rest of the task; None without one, or with warnings."""
        if case.question.is_approved_by_rule:
            return Answer.APPROVE_RULE
        covered = not case.question.warnings and self._remembered.covers(case.task, case.question.tool)
        return Answer.APPROVE_TASK if covered else None

    # After a yes, or where applying asks

    async def _apply_if_current(
        self, case: Case, checked: CheckedProposal, cancelled: Cancelled | None, *, confirm: bool
    ) -> Outcome:
        """Validate the proposal again, store a checkpoint and apply the proposal; record and return the outcome.

        The verdict is FAILED if the texts have changed so that the proposal is invalid or has new warnings. With
        `confirm` the client asks the person while it applies. Applies one proposal at a time.
        """
        async with self._applying:
            try:
                now = await self._validate(checked.proposal, case)
                unseen = sorted(set(now.warnings) - set(checked.warnings))
                problem = f"{' '.join(unseen)} This was not so when you were asked." if unseen else ""
            except Refused as error:
                problem = str(error)
            if problem:
                outcome = Outcome(
                    case.id, Verdict.FAILED, f"The change was not made, because the files have changed. {problem}"
                )
                return await self._end(case, outcome, checked, None)
            await asyncio.to_thread(self.journal.approve, case, now)
            return await self._apply_in_time(case, now, cancelled, confirm=confirm)

    async def _apply_in_time(
        self, case: Case, checked: CheckedProposal, cancelled: Cancelled | None, *, confirm: bool
    ) -> Outcome:
        """Apply the proposal; record and return the outcome, EXPIRED if the client is late or the request cancelled.

        If the client is late, or this call is cancelled, the final outcome is recorded once the client has finished.
        """
        begun = time.monotonic()
        work = asyncio.ensure_future(self._apply_changes(case, checked, confirm=confirm))
        try:
            done = await wait_while_wanted(work, self._limits.answer_s, cancelled if confirm else None)
        except asyncio.CancelledError:
            self._conclude_later(case, checked, work, confirm=confirm)
            raise
        if confirm:
            case.answer_s = time.monotonic() - begun
        if not done:
            self._conclude_later(case, checked, work, confirm=confirm)
            why = f"The change was not applied within {self._limits.answer_s:.0f} s; repeat the request."
            if confirm and cancelled is not None and cancelled():
                why = asking.WITHDRAWN
            case.answer = case.answer or Answer.EXPIRE
            return await self._end(case, Outcome(case.id, Verdict.EXPIRED, why), checked, None)
        return await self._conclude(case, checked, work, confirm=confirm)

    async def _apply_changes(self, case: Case, checked: CheckedProposal, *, confirm: bool) -> str:
        """Apply the changes through the client; return why that failed, "" on success.

        Files that an undo creates again are written to the disk instead, because LSP cannot pass on their exact bytes.
        """
        restored = undoing.select_restored(checked.proposal) if case.undoes else ()
        others = tuple(change for change in checked.proposal.changes if change not in restored)
        problem = await self._disk.apply(replace(checked.proposal, changes=restored), confirm=False) if restored else ""
        if problem or not others:
            return problem
        return await self._workplace.apply(replace(checked.proposal, changes=others), confirm=confirm)

    async def _conclude(
        self, case: Case, checked: CheckedProposal, work: asyncio.Future[str], *, confirm: bool
    ) -> Outcome:
        """Compare the documents with the proposal; record and return the outcome.

        `work` is the finished call of `_apply_changes`; an exception of it is raised again after that.
        """
        changes, before = checked.proposal.changes, checked.before
        found = await verification.observe_changes(self._workplace, changes, before, wait_s=self._workplace.settle_s)
        broken = work.exception()
        problem = work.result() if broken is None else f"Applying it failed ({type(broken).__name__})."
        outcome = outcomes.judge_outcome(case, checked, found, problem, confirm=confirm)
        if confirm and outcome.verdict is not Verdict.FAILED:  # a failure says nothing about the person's answer
            case.answer = Answer.APPROVE if outcome.checkpoint else Answer.REJECT
        outcome = await self._end(case, outcome, checked, found)
        if broken is not None:
            raise broken
        return replace(outcome, unsaved=await asyncio.to_thread(verification.list_unsaved, checked.names, found))

    def _conclude_later(
        self, case: Case, checked: CheckedProposal, work: asyncio.Future[str], *, confirm: bool
    ) -> None:
        """Start a background task that records the outcome once `work` ends: an editor may apply a change late."""

        async def conclude_when_done() -> None:
            await asyncio.wait((work,))
            await self._conclude(case, checked, work, confirm=confirm)

        task = asyncio.ensure_future(conclude_when_done())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _end(
        self, case: Case, outcome: Outcome, checked: CheckedProposal | None, found: tuple[ObservedChange, ...] | None
    ) -> Outcome:
        """Record `outcome` as the end of the request; return it, with a note if it could not be recorded."""
        logger.info(
            "proposal ended",
            extra={"id": case.id, "tool": case.question.tool.name, "by": case.question.by, "verdict": outcome.verdict},
        )
        try:
            await asyncio.to_thread(self.journal.end, case, outcome, checked, found)
        except StateError as error:
            return replace(outcome, reason=f"{outcome.reason} The outcome could not be recorded: {error}".strip())
        return outcome

    # Undoing

    async def _find_undo_obstacle(self, kept: Checkpoint) -> str | None:
        """Return why the change of `kept` cannot be undone; "" if it can, None if no file holds the change any more."""
        try:
            proposal = await asyncio.to_thread(undoing.propose_undoing, kept)
            question = Question("", WRITE_FILE, "", "", undoing.UNDO, "")
            await self._validate(proposal, Case(question, "", "", (), undoes=kept.id))
        except Unchanged:
            return None
        except Refused as error:
            return str(error)
        return ""
