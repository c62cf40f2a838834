"""A step in which several roles give a verdict on a question at the same time, each by criteria of its own."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import Field, field_validator

from agents.team import transcript
from agents.team.events import AgentChosen, TurnStatus
from agents.team.led.given_work import GivenWork
from agents.team.workflows.asked_role import make_emit_without_text
from agents.team.workflows.board_records import MOST_ROLES, Board, Given, Verdict, dump_board, load_board, name_verdict
from agents.team.workflows.board_report import format_verdict_counts
from agents.team.workflows.json_answers import ask_for_record
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.step_guard import StepGuard
from agents.team.workflows.steps.step import LONGEST_PROMPT, Step
from agents.team.workflows.workflow_state import LONGEST_ANSWER

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from agents.team.events import TurnEnded
    from agents.team.limits import Spending
    from agents.team.role_files import Role
    from agents.team.tool import Workbench
    from agents.team.workflows.stage import Stage
    from models.chat import Message

Answer = TypeVar("Answer")

AT_ONCE = 4
"""Roles that work at the same time."""

LONGEST_PROBLEM = 300

FORM = """
Choose two to six criteria of your own that decide this question from the view of your role. Then answer with one JSON \
object and nothing else:

{"criteria": [{"name": "...", "threshold": 7, "weight": 5, "score": 8, "reasoning": "why this criterion, and why this \
score"}], "verdict": "approve", "choice": "", "reasoning": "...", "conditions": ["..."]}

Thresholds, weights and scores are numbers from 0 to 10; a higher score is better, and below the threshold you would \
not approve. The verdict is "approve", "reject" or "abstain"; if the question is which of several options to take, it \
is "choose", and "choice" names the option. Leave "conditions" empty unless something has to be done first."""


class VerdictsStep(Step):
    """Several roles give a verdict, and change nothing.

    Attributes:
        roles: names of the roles.
        prompt: their task; names in braces as in a prompt of an agent. What the answer has to look like is added.
        then: the next step.
    """

    kind: Literal["verdicts"]
    roles: tuple[str, ...] = Field(min_length=1, max_length=MOST_ROLES)
    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    then: str

    @field_validator("roles")
    @classmethod
    def _check_roles(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        """Check that no role is named twice."""
        if len(set(roles)) < len(roles):
            raise ValueError("a role is named twice")
        return roles


async def run(step: VerdictsStep, stage: Stage) -> StepOutcome:
    """Ask the roles that have not answered yet, several at once; store each verdict as soon as it comes.

    The step stays open if it was cancelled, if a limit of the workflow was reached before all had answered, if a role
    is missing, or if no role's model answered. The workflow ends if no role gave a verdict.
    """
    visit = stage.state.visits.get(step.name, 0)
    board = load_board(stage.state.boards.get(step.name))
    if board is None or board.visit != visit:
        board = Board(id=uuid.uuid4().hex, visit=visit, question=stage.state.request)
        stage.state.boards[step.name] = dump_board(board)
    asking = _Asking(step, stage)
    if stopped := await asking.ask([one for one in step.roles if one not in board.given]):
        return stopped
    board = load_board(stage.state.boards[step.name]) or board
    board = board.model_copy(update={"given": {one: board.given[one] for one in step.roles if one in board.given}})
    stage.state.boards[step.name] = dump_board(board)  # in the order of the workflow, not of the answers
    text = f"{format_verdict_counts(board.given)}."
    if all(one.verdict is None for one in board.given.values()):
        reasons = " ".join(f"{role}: {one.problem}" for role, one in board.given.items())
        return StepOutcome(f"No role gave a verdict. {reasons}", gives_up=True)
    stage.state.answers[step.name] = text[:LONGEST_ANSWER]
    return StepOutcome(text, step.then)


class _Asking:
    """One run of the step."""

    def __init__(self, step: VerdictsStep, stage: Stage) -> None:
        self._step = step
        self._stage = stage
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def ask(self, names: list[str]) -> StepOutcome | None:
        """Ask the roles `names`, and store what came of each; return the outcome if the step stays open, else None."""
        stage, step = self._stage, self._step
        roles = [role for one in names if (role := stage.roles.get(one)) is not None]
        if missing := sorted(set(names) - {one.name for one in roles}):
            return StepOutcome(f"There is no role {', '.join(missing)}; add it.", stopped=TurnStatus.FAILED)
        lent = [stage.spending.make_share(one.limits.narrow(stage.limits), len(roles)) for one in roles]
        try:
            answers = await _run_all([self._ask_role(*one) for one in zip(roles, lent, strict=True)])
        finally:
            stage.spending.add_shares(lent)
        ended = {role.name: answer for role, answer in zip(roles, answers, strict=True)}
        if stage.bench.cancelled():
            return StepOutcome("It was cancelled; verdicts so far are kept.", stopped=TurnStatus.CANCELLED)
        if exceeded := stage.spending.find_exceeded():
            return StepOutcome(exceeded, stopped=TurnStatus.LIMIT) if _has_unanswered(step, stage) else None
        failed = [one.problem for one, status in ended.values() if status is TurnStatus.FAILED]
        if roles and len(failed) == len(roles):
            return StepOutcome(f"No role answered: {failed[0]}", stopped=TurnStatus.FAILED)
        for name, (given, _) in ended.items():
            if given.verdict is None:
                await self._store(name, given)
        return None

    async def _ask_role(self, role: Role, lent: Spending) -> tuple[Given, TurnStatus]:
        """Ask one role, and store its verdict; return what came of it, and how its last turn ended."""
        stage = self._stage
        prompt = f"You are asked as the role {role.name}.\n\n{stage.fill(self._step.prompt)}\n{FORM}"
        bench = self._make_bench(role)

        async def run_turn(messages: list[Message]) -> TurnEnded:
            return await stage.run_role(role, messages, bench, lent)

        async with self._slots:
            stage.show(AgentChosen(role.name, f"step {self._step.name} of the workflow {stage.state.name}"))
            answer = await ask_for_record(prompt, Verdict, run_turn)
        problem = transcript.hide_secrets(answer.problem)[:LONGEST_PROBLEM]
        given = Given(verdict=answer.record, problem=problem)
        if given.verdict is not None:
            await self._store(role.name, given)
        return given, answer.status

    def _make_bench(self, role: Role) -> Workbench:
        """Return the workbench of a role that only reads, whose answer is not shown while it is written."""
        stage = self._stage
        guard = StepGuard(stage, "nothing", stage.bench.changes, stage.bench.permissions, frozenset())
        shown = make_emit_without_text(role.name, stage.show)
        given = GivenWork(stage.state.request, "nothing")
        return replace(stage.bench, changes=guard, permissions=guard, person=None, emit=shown, given=given)

    async def _store(self, role: str, given: Given) -> None:
        """Add what came of asking a role to the state, store the state, and show a line about it to the person."""
        stage, step = self._stage, self._step
        board = load_board(stage.state.boards[step.name])
        if board is None:
            return
        stage.state.boards[step.name] = dump_board(board.model_copy(update={"given": {**board.given, role: given}}))
        verdict = given.verdict
        text = name_verdict(verdict.verdict, verdict.choice) if verdict is not None else f"no verdict. {given.problem}"
        await stage.save()
        stage.say(f"{role}: {text}")


async def _run_all(works: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """Run coroutines at the same time; return their results. If one fails, end the others, and raise its error."""
    tasks = [asyncio.create_task(one) for one in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _has_unanswered(step: VerdictsStep, stage: Stage) -> bool:
    """Return whether the state has no stored outcome for one or more roles of the step."""
    board = load_board(stage.state.boards.get(step.name))
    return board is None or any(one not in board.given for one in step.roles)
