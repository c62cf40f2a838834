"""All kinds of steps. To add a kind: add a module, and its step and function here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from agents.team.workflows.steps import (
    agent_turn,
    board_decision,
    board_verdicts,
    commit,
    condition,
    deployment,
    inner_workflow,
    intent,
    review_score,
    rounds,
    stop,
    test_run,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from agents.team.workflows.stage import Stage, StepOutcome

AnyStep = Annotated[
    agent_turn.AgentStep
    | test_run.TestStep
    | rounds.RoundsStep
    | condition.ConditionStep
    | stop.StopStep
    | commit.CommitStep
    | review_score.ScoreStep
    | board_verdicts.VerdictsStep
    | board_decision.DecisionStep
    | deployment.DeploymentStep
    | intent.IntentStep
    | inner_workflow.WorkflowStep,
    Field(discriminator="kind"),
]

RUN: Mapping[str, Callable[[Any, Stage], Awaitable[StepOutcome]]] = {
    "agent": agent_turn.run,
    "tests": test_run.run,
    "rounds": rounds.run,
    "condition": condition.run,
    "stop": stop.run,
    "commit": commit.run,
    "score": review_score.run,
    "verdicts": board_verdicts.run,
    "decision": board_decision.run,
    "deployment": deployment.run,
    "intent": intent.run,
    "workflow": inner_workflow.run,
}
"""The function that runs a step, by its kind."""
