"""Sums of the team's figures for people: by day, and by role and model. Pure. Start at `sum_days`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.state.watching.metrics_store import Metric


@dataclass(frozen=True, slots=True)
class TeamDay:
    """The work of the team on one day, or on several.

    Attributes:
        day: the local date, "2026-11-28"; "" for several days.
        tasks_done: queued tasks that were done.
        tasks_failed: queued tasks that failed for good.
        tasks_waiting: queued tasks that were left to a person, as at a limit.
        task_seconds: durations of all attempts at tasks together.
        turns: requests that were answered or not, those of tasks included.
        turns_failed: those that failed.
        turns_stopped: those that ended at a limit, or because the agent repeated itself.
        turn_seconds: their durations together, waits for a person left out.
        calls: calls of tools.
        calls_failed: those that failed, or were denied or rejected.
        answers: answers of models.
        failures: requests that no model answered.
        prompt_tokens: tokens read by models.
        answer_tokens: tokens written by models.
        cost: cost of the answers, by the configured prices.
        approvals_asked: questions of the gate to a person that have ended.
        approvals_yes: those that the person approved, at least in part.
        approvals_no: those that the person rejected; nobody answered the rest.
    """

    day: str
    tasks_done: int = 0
    tasks_failed: int = 0
    tasks_waiting: int = 0
    task_seconds: float = 0.0
    turns: int = 0
    turns_failed: int = 0
    turns_stopped: int = 0
    turn_seconds: float = 0.0
    calls: int = 0
    calls_failed: int = 0
    answers: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0
    approvals_asked: int = 0
    approvals_yes: int = 0
    approvals_no: int = 0

    @property
    def success_rate(self) -> float | None:
        """Share of the tasks done, failed or left to a person that were done, from 0 to 1; None if there are none."""
        ended = self.tasks_done + self.tasks_failed + self.tasks_waiting
        return self.tasks_done / ended if ended else None


@dataclass(frozen=True, slots=True)
class RoleUse:
    """Use of one model by one role.

    Attributes:
        role: the role; "router" for the choice of one.
        model: name of the model.
        answers: its answers.
        failures: requests that it did not answer.
        prompt_tokens: tokens read.
        answer_tokens: tokens written.
        cost: by the configured prices.
    """

    role: str
    model: str
    answers: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0


def sum_days(metrics: Iterable[Metric]) -> tuple[TeamDay, ...]:
    """Return one sum for each day that has figures, newest first; `metrics` are figures of days."""
    found: dict[str, TeamDay] = {}
    for one in metrics:
        found[one.period] = _add(found.get(one.period) or TeamDay(one.period), one)
    return tuple(found[day] for day in sorted(found, reverse=True))


def sum_all(metrics: Iterable[Metric]) -> TeamDay:
    """Return one sum of all figures, with no day."""
    total = TeamDay("")
    for one in metrics:
        total = _add(total, one)
    return total


def sum_roles(metrics: Iterable[Metric]) -> tuple[RoleUse, ...]:
    """Return one sum for each pair of role and model, the one with the most tokens first."""
    found: dict[tuple[str, str], RoleUse] = {}
    for one in metrics:
        if one.kind == "model":
            known = found.get((one.agent, one.name)) or RoleUse(one.agent, one.name)
            answered = one.outcome == "done"
            found[one.agent, one.name] = replace(
                known,
                answers=known.answers + one.number * answered,
                failures=known.failures + one.number * (not answered),
                prompt_tokens=known.prompt_tokens + one.prompt_tokens,
                answer_tokens=known.answer_tokens + one.answer_tokens,
                cost=known.cost + one.cost,
            )
    return tuple(sorted(found.values(), key=lambda one: (-one.prompt_tokens - one.answer_tokens, one.role, one.model)))


def _add(total: TeamDay, one: Metric) -> TeamDay:
    """Return `total` with one figure added; unchanged for kinds other than task, turn, call, model and approval."""
    number, outcome = one.number, one.outcome
    match one.kind:
        case "task":
            return replace(
                total,
                tasks_done=total.tasks_done + number * (outcome == "done"),
                tasks_failed=total.tasks_failed + number * (outcome == "failed"),
                tasks_waiting=total.tasks_waiting + number * (outcome == "waiting"),
                task_seconds=total.task_seconds + one.seconds,
            )
        case "turn":
            return replace(
                total,
                turns=total.turns + number,
                turns_failed=total.turns_failed + number * (outcome == "failed"),
                turns_stopped=total.turns_stopped + number * (outcome in {"limit", "repeated"}),
                turn_seconds=total.turn_seconds + one.seconds,
            )
        case "call":
            failed = number * (outcome != "done")
            return replace(total, calls=total.calls + number, calls_failed=total.calls_failed + failed)
        case "model":
            answered = number * (outcome == "done")
            return replace(
                total,
                answers=total.answers + answered,
                failures=total.failures + number - answered,
                prompt_tokens=total.prompt_tokens + one.prompt_tokens,
                answer_tokens=total.answer_tokens + one.answer_tokens,
                cost=total.cost + one.cost,
            )
        case "approval":
            return replace(
                total,
                approvals_asked=total.approvals_asked + number,
                approvals_yes=total.approvals_yes + number * (outcome == "yes"),
                approvals_no=total.approvals_no + number * (outcome == "no"),
            )
        case _:
            return total
