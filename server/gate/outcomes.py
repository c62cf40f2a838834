"""The outcome of a proposal: judged by the documents after the client has applied it, and recorded.

Start at `judge_outcome`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.gate import verification
from server.gate.ports import Answer, Outcome, Verdict
from server.observation.figures import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.gate.journal import Case, Journal
    from server.gate.validation import CheckedProposal
    from server.gate.verification import ObservedChange

logger = logging.getLogger(__name__)

REJECTED = "The proposal was rejected, so nothing was changed."
APPROVALS = (Answer.APPROVE, Answer.APPROVE_RULE, Answer.APPROVE_PARTS, Answer.APPROVE_TASK)
NOTHING_SEEN = "The client applied none of the changes, which counts as a rejection."


def judge_outcome(
    case: Case, checked: CheckedProposal, found: Sequence[ObservedChange], problem: str, *, confirm: bool
) -> Outcome:
    """Return the outcome of the proposal `checked`, judged by its changes as found in the documents.

    Args:
        case: the request.
        checked: the proposal that was applied.
        found: each change as observed afterwards, in the order of the proposal.
        problem: why applying failed, "" on success.
        confirm: whether the client asked the person while it applied the proposal, so that no change means a no.
    """
    verdict = verification.judge_changes(found)
    added = verification.describe_additions(checked.names, found)
    added = f"{case.note} {added}".strip()
    if verdict is Verdict.APPLIED:
        return Outcome(case.id, verdict, added, case.checkpoint, left_out=case.left_out)
    if verdict is Verdict.PARTLY:
        missing = ", ".join(name for name, one in zip(checked.names, found, strict=True) if not one.whole)
        reason = f"Only a part was applied, not all of {missing}; `starling.undo` undoes that part. {problem}"
        reason = f"{reason.strip()} {added}"
        made = any(one.change is not None for one in found)
        return Outcome(case.id, verdict, reason.strip(), case.checkpoint if made else "", left_out=case.left_out)
    if problem:
        return Outcome(case.id, Verdict.FAILED, problem)
    return Outcome(case.id, Verdict.REJECTED, REJECTED if confirm else NOTHING_SEEN)


async def record_outcome(
    journal: Journal,
    case: Case,
    outcome: Outcome,
    checked: CheckedProposal | None = None,
    found: Sequence[ObservedChange] | None = None,
) -> Outcome:
    """Record `outcome` as the end of the request `case`; return it, with a note if it could not be recorded.

    `checked` is the proposal, None for a tool call; `found` has its changes as observed after applying, None if nothing
    was applied.
    """
    logger.info(
        "proposal ended",
        extra={"id": case.id, "tool": case.question.tool.name, "by": case.question.by, "verdict": outcome.verdict},
    )
    _count_end(case, outcome)
    try:
        await asyncio.to_thread(journal.end, case, outcome, checked, found)
    except StateError as error:
        return replace(outcome, reason=f"{outcome.reason} The outcome could not be recorded: {error}".strip())
    return outcome


def _count_end(case: Case, outcome: Outcome) -> None:
    """Count the end of a request, whether it was approved, and how long the person took to answer."""
    tool = case.question.tool.name
    figures.add("starling_gate_ended_total", tool=tool, verdict=outcome.verdict.value)
    if case.answer in APPROVALS:
        figures.add("starling_gate_approved_total", tool=tool)
    if case.answer_s is not None:
        figures.observe("starling_gate_answer_seconds", case.answer_s, tool=tool)
