"""The gate that every change of a workspace passes: validate, record the request, ask, apply, verify, record the end.

Asks one question for each proposal, however many files it touches. Writes nothing without a yes, and nothing that
cannot be recorded. Judges the outcome by the documents afterwards, not by the client's report. Runs on the event loop;
reads disks and the state database in threads. Start at `Gate.propose`.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from agents.ports.permissions import Permission
from agents.ports.tracing import open_span
from agents.tools import WRITE_FILE
from server.gate import hunks as parts
from server.gate import outcomes, undoing
from server.gate.application import Application
from server.gate.disk.disk import DiskWorkplace
from server.gate.journal import HERE, Case, Journal
from server.gate.locating import locate_changes
from server.gate.policy import RULES, Limits, RememberedAnswers, choose_tool, may_remember
from server.gate.ports import Answer, Outcome, Question, Verdict
from server.gate.question import asking, diffs, wording
from server.gate.records import list_subjects
from server.gate.refusal import Refused, Unchanged
from server.gate.validation import CurrentText, Validation, read_current_texts
from server.gate.verification import ObservedChange
from server.observation.figures import figures

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.edits import ProposedEdit
    from agents.ports.permissions import Cancelled, ToolCall
    from server.gate.locating import LocatedChange
    from server.gate.places import Places
    from server.gate.ports import Asker, TakenParts, Workplace
    from server.gate.records import Author, Checkpoint, Records, UndoableChange
    from server.gate.validation import CheckedProposal

LIMITS = Limits()


class Gate:
    """The gate of one client.

    Args:
        records: stores requests, checkpoints and the audit.
        places: returns the current workspace folders and exclusions; runs in a worker thread.
        asker: asks a person.
        workplace: reads texts and applies changes.
        client: name of the editor or program, for the record.
        author: the person behind it, for the record.
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
        author: Author = HERE,
        limits: Limits = LIMITS,
        owns_records: bool = False,
    ) -> None:
        """Store the ports; read and write nothing yet."""
        self._owned = records if owns_records else None
        self.journal = Journal(records, client, author)
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

    async def list_undoable(self, limit: int) -> tuple[UndoableChange, ...]:
        """Return up to `limit` changes of this workspace that can be undone, newest first. Raises StateError."""
        concerns = undoing.make_filter((await asyncio.to_thread(self._places)).roots, self.journal.untitled)
        return await asyncio.to_thread(self.journal.records.list_undoable_changes, concerns, limit)

    async def ask_again(self, request: str, *, cancelled: Cancelled | None = None) -> Outcome:
        """Ask a person again about the edit of a request that nobody answered; return the outcome of the new request.

        Validates and shows the edit like a new one. `request` is an id or its first characters. REFUSED if it names no
        request with an edit that can be asked again.
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

    async def ask_here(self, question: Question) -> Answer | TakenParts:
        """Ask a person in this client a question of another process, and return the answer; record nothing."""
        return await self._asker.ask(question)

    async def permit(self, call: ToolCall, *, cancelled: Cancelled | None = None) -> Permission:
        """Ask a person to permit the tool call `call`, record the request, and return the answer; run nothing.

        Asks nobody if a rule or an earlier answer for the task permits the call, and none is granted if a limit is
        reached or the client cannot ask. Grants a call of a low-risk tool without a question or a record, unless
        `call.asks`. Implements `agents.ports.permissions.Permissions`.

        Raises:
            ValueError: the tool changes files, which must go through `propose`.
        """
        identity, tool, texts = uuid.uuid4().hex, call.tool, (call.title, call.why, call.by, call.subject)
        if tool.edits:
            raise ValueError(f"{tool.name} changes files: propose an edit")
        if not RULES[tool.risk].asks and not call.asks:
            return Permission(identity, granted=True, outcome=Verdict.APPLIED)
        warnings, remembers = wording.list_isolation_warnings(call.isolation), may_remember(call.task, tool)
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
            return await self._end(case, Outcome(case.id, Verdict.APPLIED, str(error)))
        observed = tuple(ObservedChange(one, True, getattr(one, "after", None)) for one in checked.proposal.changes)
        return await self._end(case, Outcome(case.id, Verdict.APPLIED, "", case.checkpoint), checked, observed)

    def end_task(self, task: str) -> None:
        """Forget the approvals for the rest of the task with the id `task`, so that a person is asked again."""
        self._remembered.forget(task)

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
        hunks = () if undoes else await asyncio.to_thread(parts.find_hunks, checked.proposal, checked.names)
        remembers = may_remember(task, tool)
        case.question = replace(await self._complete_question(question, checked), may_remember=remembers, hunks=hunks)
        return await self._process(case, checked, cancelled)

    async def _complete_question(self, question: Question, checked: CheckedProposal) -> Question:
        """Return `question` with the proposal of `checked`, its diff and its warnings."""
        roots = (await asyncio.to_thread(self._places)).roots
        diff = await asyncio.to_thread(diffs.render_diff, checked.proposal, roots)
        return replace(question, diff=diff, warnings=checked.warnings, proposal=checked.proposal)

    async def _validate(self, proposal: ProposedEdit, case: Case) -> CheckedProposal:
        """Check `proposal` against the current texts; return it with its edits moved to their places in those texts.

        Raises:
            Refused: the proposal breaks a rule, or no longer fits the texts.
        """
        located = await asyncio.to_thread(self._locate, proposal, case)
        texts = await read_current_texts(self._workplace, located)
        return await asyncio.to_thread(
            Validation(texts, exact=bool(case.undoes), adapts=not case.left_out).check, proposal, located
        )

    def _locate(self, proposal: ProposedEdit, case: Case) -> tuple[LocatedChange, ...]:
        """Return each change of `proposal` with its file; blocking. Only an undo may change excluded files."""
        places = self._places()
        return locate_changes(places.allow_excluded() if case.undoes else places, proposal)

    async def _process(self, case: Case, checked: CheckedProposal | None, cancelled: Cancelled | None) -> Outcome:
        """Check, record and decide `case` as `_check_and_decide` does, within a span of the trace."""
        files = len(checked.proposal.changes) if checked is not None else 0
        with open_span("gate", tool=case.question.tool.name, files=files, limited=case.limited) as span:
            outcome = await self._check_and_decide(case, checked, cancelled)
            span.set(verdict=outcome.verdict.value, answer=case.answer.value if case.answer is not None else "")
        return outcome

    async def _check_and_decide(
        self, case: Case, checked: CheckedProposal | None, cancelled: Cancelled | None
    ) -> Outcome:
        """Check the limits, record the request, have it decided, and apply an approved change; return the outcome.

        A person is asked unless a rule or an earlier answer decides. `checked` is None for a tool call. The verdict is
        REFUSED if a limit is reached or nothing can be recorded.
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
        return await self._end(case, Outcome(case.id, Verdict.REFUSED, why))

    # Asking

    async def _decide(self, case: Case, checked: CheckedProposal | None, cancelled: Cancelled | None) -> Outcome:
        """Ask a person unless a rule or an earlier answer approves; apply an approved change; return the outcome.

        Asks no question if the client shows its own preview while it applies the edit (`Asker.asks_while_applying`).
        Records the outcome, which is REFUSED if the client cannot ask.
        """
        confirm = False
        if obstacle := self._asker.find_obstacle(case.question):
            return await self._end(case, Outcome(case.id, Verdict.REFUSED, obstacle), checked)
        case.answer = self._find_earlier_answer(case)
        if case.answer is None:
            await asyncio.to_thread(self.journal.records.mark_asked, case.id)
            figures.add("starling_gate_asked_total", tool=case.question.tool.name)
            confirm = (
                checked is not None
                and not (case.undoes and undoing.select_restored(checked.proposal))
                and self._asker.asks_while_applying(case.question)
            )
        if case.answer is None and not confirm:
            not_approved = await self._ask(case, cancelled)
            if checked is not None and case.taken:
                checked, not_approved = await self._narrow(case, checked, cancelled)
            if not_approved is not None:
                return await self._end(case, not_approved, checked)
        if checked is not None:
            return await self._apply_if_current(case, checked, cancelled, confirm=confirm)
        await asyncio.to_thread(self.journal.approve, case, None)
        return await self._end(case, Outcome(case.id, Verdict.APPLIED))

    async def _ask(self, case: Case, cancelled: Cancelled | None) -> Outcome | None:
        """Ask the question of `case`; remember the answer if it is a yes for the rest of the task.

        Returns None for a yes, else the outcome, which the caller has to record. If asking fails or is cancelled,
        records that outcome here and raises the error again.
        """
        try:
            with open_span("question", tool=case.question.tool.name) as span:
                not_approved = await asking.ask(self._asker, case, self._limits.answer_s, cancelled)
                span.set(answer=case.answer.value if case.answer is not None else "")
        except BaseException as error:
            await asyncio.shield(self._end(case, asking.describe_failure(case, error), None, None))
            raise
        if case.answer is Answer.APPROVE_TASK:
            self._remembered.remember(case.task, case.question.tool)
        return not_approved

    async def _narrow(
        self, case: Case, checked: CheckedProposal, cancelled: Cancelled | None
    ) -> tuple[CheckedProposal, Outcome | None]:
        """Return the proposal with only the parts that the person took, and None if it may be applied.

        If these parts have warnings that the person has not seen, asks about them as a whole first. Instead of None,
        returns the outcome if the parts break a rule, or if that question does not end with a yes.
        """
        hunks = case.question.hunks
        case.left_out = parts.describe_left_out(checked.proposal, hunks, case.taken)
        try:
            narrowed = await self._validate(parts.narrow(checked.proposal, hunks, case.taken), case)
        except Refused as error:
            reason = f"The change was not made: the parts that were taken cannot be applied alone. {error}"
            return checked, Outcome(case.id, Verdict.FAILED, reason)
        if set(narrowed.warnings) <= set(checked.warnings):
            return narrowed, None
        notes = (*narrowed.proposal.notes, case.note)
        narrowed = replace(narrowed, proposal=replace(narrowed.proposal, notes=notes))
        case.question = replace(await self._complete_question(case.question, narrowed), may_remember=False, hunks=())
        not_approved = await self._ask(case, cancelled)
        case.answer = Answer.APPROVE_PARTS if not_approved is None else case.answer
        return narrowed, not_approved

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
                return await self._end(case, outcome, checked)
            await asyncio.to_thread(self.journal.approve, case, now)
            application = Application(
                self.journal, self._workplace, self._disk, self._limits.answer_s, self._late, case, now, confirm
            )
            with open_span("write", files=len(now.proposal.changes)):
                return await application.run(cancelled)

    async def _end(
        self,
        case: Case,
        outcome: Outcome,
        checked: CheckedProposal | None = None,
        found: tuple[ObservedChange, ...] | None = None,
    ) -> Outcome:
        """Record `outcome` as the end of the request; return it, with a note if it could not be recorded."""
        return await outcomes.record_outcome(self.journal, case, outcome, checked, found)

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
