"""The outcome of a proposal, judged by the documents after the client has applied it. Start at `judge_outcome`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.gate import verification
from server.gate.ports import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.gate.journal import Case
    from server.gate.validation import CheckedProposal
    from server.gate.verification import ObservedChange

REJECTED = "The proposal was rejected, so nothing was changed."
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
    if verdict is Verdict.APPLIED:
        return Outcome(case.id, verdict, added, case.checkpoint)
    if verdict is Verdict.PARTLY:
        missing = ", ".join(name for name, one in zip(checked.names, found, strict=True) if not one.whole)
        reason = f"Only a part was applied, not all of {missing}; `starling.undo` undoes that part. {problem}"
        reason = f"{reason.strip()} {added}"
        made = any(one.change is not None for one in found)
        return Outcome(case.id, verdict, reason.strip(), case.checkpoint if made else "")
    if problem:
        return Outcome(case.id, Verdict.FAILED, problem)
    return Outcome(case.id, Verdict.REJECTED, REJECTED if confirm else NOTHING_SEEN)
