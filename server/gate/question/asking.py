"""Asking a person about a request, and the outcome of each answer except a yes. Start at `ask`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from server.gate import outcomes
from server.gate.ports import Answer, Outcome, Verdict
from server.gate.question.waiting import wait_unless_cancelled

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from agents.ports.permissions import Cancelled
    from server.gate.hunks import Hunk
    from server.gate.journal import Case
    from server.gate.ports import Asker, TakenParts

UNABLE = "This client cannot show a question, so nothing is done; use an editor that shows messages, or a terminal."
WITHDRAWN = "The request was cancelled before the question was answered, so nothing was changed."


async def ask(asker: Asker, case: Case, limit_s: float, cancelled: Cancelled | None) -> Outcome | None:
    """Ask the question of `case`, and store the answer and the seconds until it in `case`.

    Returns None for a yes, else the outcome. Withdraws the question after `limit_s` seconds without an answer, once
    `cancelled` returns true, and if asking fails; the stored answer is then EXPIRE. Seconds in which the question waits
    behind another one do not count.

    Raises:
        Exception: whatever `asker` raises.
    """
    clock = case.question.clock
    clock.start()
    asking = asyncio.ensure_future(asker.ask(case.question))
    try:
        answered = await wait_unless_cancelled(asking, limit_s, cancelled, clock)
        _store_answer(case, asking.result() if answered else Answer.EXPIRE)
    except BaseException:
        case.answer = Answer.EXPIRE
        raise
    finally:
        asking.cancel()  # closes a question that is still on the screen
    case.answer_s = clock.elapsed_s
    return _judge_answer(case, limit_s, withdrawn=not answered and cancelled is not None and cancelled())


def _store_answer(case: Case, answer: Answer | TakenParts) -> None:
    """Store `answer` in `case`, with the parts that it takes if these are some of the parts offered.

    An approval of some parts that does not name them is `UNABLE`.
    """
    if isinstance(answer, Answer):
        case.answer = Answer.UNABLE if answer is Answer.APPROVE_PARTS else answer
        return
    case.answer = judge_choice(case.question.hunks, answer.ids)
    if case.answer is Answer.APPROVE_PARTS:
        case.taken, case.parts = answer.ids, len(case.question.hunks)


def judge_choice(hunks: Sequence[Hunk], taken: Collection[str]) -> Answer:
    """Return the answer for a choice of the parts with the ids `taken`; a choice of none is a rejection.

    `UNABLE` if an id was not offered, because then no person has made the choice.
    """
    offered = {one.id for one in hunks}
    if not offered.issuperset(taken):
        return Answer.UNABLE
    if not taken:
        return Answer.REJECT
    return Answer.APPROVE if offered == set(taken) else Answer.APPROVE_PARTS


def describe_failure(case: Case, error: BaseException) -> Outcome:
    """Return the outcome of a request whose question was not answered because `error` was raised.

    EXPIRED if the task that asked was cancelled, else FAILED.
    """
    if isinstance(error, asyncio.CancelledError):
        return Outcome(case.id, Verdict.EXPIRED, WITHDRAWN)
    why = f"Nobody could be asked ({type(error).__name__}); see Starling's log."
    return Outcome(case.id, Verdict.FAILED, why)


def _judge_answer(case: Case, limit_s: float, *, withdrawn: bool) -> Outcome | None:
    """Return the outcome of a request by its answer, None for a yes; `withdrawn` is whether it was cancelled."""
    match case.answer:
        case Answer.REJECT:
            return Outcome(case.id, Verdict.REJECTED, outcomes.REJECTED)
        case Answer.EXPIRE:
            late = f"Nobody answered within {limit_s:.0f} s, so nothing was done; repeat the request."
            return Outcome(case.id, Verdict.EXPIRED, WITHDRAWN if withdrawn else late)
        case Answer.UNABLE:
            return Outcome(case.id, Verdict.REFUSED, UNABLE)
        case _:
            return None
