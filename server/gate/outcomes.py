"""From the documents as they are afterwards to the outcome that is recorded and told. Start at `judged`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.gate import verification
from server.gate.ports import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.gate.journal import Case
    from server.gate.validation import Checked
    from server.gate.verification import Seen

REJECTED = "It was rejected, so nothing was changed."
NOTHING_SEEN = "The client applied nothing of it, which counts as a rejection."


def judged(case: Case, checked: Checked, found: Sequence[Seen], problem: str, *, confirm: bool) -> Outcome:
    """Return the outcome that the documents tell of; `problem` is why applying failed, "" where it did not."""
    verdict = verification.verdict(found)
    added = verification.additions(checked.names, found)
    if verdict is Verdict.APPLIED:
        return Outcome(case.id, verdict, added, case.checkpoint)
    if verdict is Verdict.PARTLY:
        missing = ", ".join(name for name, one in zip(checked.names, found, strict=True) if not one.whole)
        reason = f"Only a part was applied, not all of {missing}; `starling.undo` takes that part back. {problem}"
        reason = f"{reason.strip()} {added}"
        made = any(one.change is not None for one in found)
        return Outcome(case.id, verdict, reason.strip(), case.checkpoint if made else "")
    if problem:
        return Outcome(case.id, Verdict.FAILED, problem)
    return Outcome(case.id, Verdict.REJECTED, REJECTED if confirm else NOTHING_SEEN)
