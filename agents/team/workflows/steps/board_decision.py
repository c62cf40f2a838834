"""A step in which one role decides after the verdicts of others; the decision is kept with every verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.team import transcript
from agents.team.events import TurnStatus
from agents.team.workflows.asked_role import ask_role
from agents.team.workflows.board_records import Ruling, dump_board, load_board
from agents.team.workflows.board_report import format_report, summarize_verdicts
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.steps.board_verdicts import LONGEST_PROBLEM
from agents.team.workflows.steps.step import LONGEST_PROMPT, Step
from agents.team.workflows.workflow_state import LONGEST_ANSWER

if TYPE_CHECKING:
    from agents.team.role_files import Role
    from agents.team.workflows.board_records import Board
    from agents.team.workflows.json_answers import RecordAnswer
    from agents.team.workflows.stage import Stage

KIND = "board"
"""The kind of the decision in the history of decisions."""

FORM = """
The verdicts:

{verdicts}

Answer with one JSON object and nothing else:

{"decision": "approve", "choice": "", "reasoning": "...", "conditions": ["..."], "dissent": "whom you did not follow, \
and why", "review": "when to look at it again"}

The decision is "approve", "reject" or "postpone"; if the question is which of several options to take, it is \
"choose", and "choice" names the option."""


class DecisionStep(Step):
    """A role decides, and changes nothing.

    Attributes:
        of: the step whose verdicts it decides after.
        role: name of the role.
        prompt: its task; names in braces as in a prompt of an agent. The verdicts are added.
        then: the next step.
    """

    kind: Literal["decision"]
    of: str
    role: str = Field(min_length=1, max_length=40)
    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    then: str = ""


async def run(step: DecisionStep, stage: Stage) -> StepOutcome:
    """Have the role decide, and store the decision with the verdicts.

    Without verdicts the workflow ends; so it does without a decision after two answers, and the verdicts are stored.
    If the role is missing, or its turn does not end as DONE, the step stays open.
    """
    role, board = stage.roles.get(step.role), load_board(stage.state.boards.get(step.of))
    if role is None:
        return StepOutcome(f"There is no role {step.role}; add it or change the workflow.", stopped=TurnStatus.FAILED)
    if board is None:
        return StepOutcome(f"There are no verdicts of the step {step.of}.", gives_up=True)
    answer = await _ask(step, role, board, stage)
    if answer.status is not TurnStatus.DONE:
        return StepOutcome(answer.problem, role=role.name, stopped=answer.status)
    problem = transcript.hide_secrets(answer.problem)[:LONGEST_PROBLEM]
    board = board.model_copy(update={"by": role.name, "ruling": answer.record, "problem": problem})
    stage.state.boards[step.of] = dump_board(board)
    text = f"{role.name} decided: {board.result}."
    if board.ruling is None:
        text = f"{role.name} gave no decision. {problem}"
    stored = await _store_decision(board, stage)
    stage.state.report = format_report(board)
    stage.state.answers[step.name] = text[:LONGEST_ANSWER]
    return StepOutcome(f"{text} {stored}", step.then, gives_up=board.ruling is None)


async def _ask(step: DecisionStep, role: Role, board: Board, stage: Stage) -> RecordAnswer[Ruling]:
    """Return the role's decision; its prompt has the verdicts, and it only reads."""
    prompt = f"{stage.fill(step.prompt)}\n{FORM.replace('{verdicts}', summarize_verdicts(board.given))}"
    return await ask_role(role, prompt, Ruling, stage)


async def _store_decision(board: Board, stage: Stage) -> str:
    """Store the board in the history of decisions, if there is a memory; return a sentence about it."""
    memory = stage.bench.memory
    if memory is None:
        return "It is kept with the session alone."
    problem = await memory.record_decision(
        board.id, board.by, KIND, board.question, board.result, board.model_dump_json()
    )
    return problem or f"`starling decisions show {board.id[:8]}` shows it again."
