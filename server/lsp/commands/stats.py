"""`starling.stats`: completions, next edits, costs of chat models, and the team's work; all stay on this machine."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import closing
from typing import TYPE_CHECKING

from pydantic import Field

from server.assembly.watching import summaries
from server.lsp.commands.answering.command_records import CommandRecord, NoArguments

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot
    from server.state.cost_ledger import CostRecord
    from server.state.watching.metrics_store import Metric

DAYS = 30
Arguments = NoArguments


class Cost(CommandRecord):
    """The usage of one chat model on one day."""

    day: str = Field(description='The day, "2026-11-28", by this machine\'s clock.')
    endpoint: str = Field(description='The endpoint\'s address, or "this machine".')
    model: str = Field(description="The model's name at the endpoint.")
    role: str = Field(description='The model\'s role: "chat" or "review".')
    answers: int = Field(description="Number of calls that were answered.")
    failures: int = Field(description="Number of calls that failed.")
    requests: int = Field(description="Number of requests sent for these calls.")
    prompt_tokens: int = Field(description="Tokens read, cached ones included.")
    answer_tokens: int = Field(description="Tokens written.")
    cached_tokens: int = Field(description="Tokens read from the endpoint's cache.")
    estimated: int = Field(
        description="Number of calls for which the endpoint reported no tokens; an upper estimate counts."
    )
    cost: float = Field(description="Cost of the calls with a known price, in the currency of `chat.inputPrice`.")
    unpriced: int = Field(description="Number of calls without a known price, which are not in `cost`.")


class TeamDay(CommandRecord):
    """The work of the team of agents on one day."""

    day: str = Field(description='The day, "2026-11-28", by this machine\'s clock.')
    tasks_done: int = Field(description="Number of queued tasks that were done.")
    tasks_failed: int = Field(description="Number of queued tasks that failed for good.")
    tasks_waiting: int = Field(description="Number of queued tasks that were left to a person.")
    task_seconds: float = Field(description="Duration of all attempts at tasks together, in seconds.")
    turns: int = Field(description="Number of requests to the team, those of tasks included.")
    turns_failed: int = Field(description="Number of these that failed.")
    turns_stopped: int = Field(
        description="Number of these that ended at a limit, or because an agent repeated itself."
    )
    turn_seconds: float = Field(description="Duration of the requests together, without waits for a person.")
    calls: int = Field(description="Number of calls of tools.")
    calls_failed: int = Field(description="Number of these that failed, or were denied or rejected.")
    answers: int = Field(description="Number of answers of models.")
    failures: int = Field(description="Number of requests that no model answered.")
    prompt_tokens: int = Field(description="Tokens read.")
    answer_tokens: int = Field(description="Tokens written.")
    cost: float = Field(description="Cost, in the currency of `chat.inputPrice`.")
    approvals_asked: int = Field(
        description="Number of questions about changes and commands, as far as they have ended."
    )
    approvals_yes: int = Field(description="Number of these that were approved, at least in part.")
    approvals_no: int = Field(description="Number of these that were rejected; nobody answered the rest.")


class RoleUse(CommandRecord):
    """The use of one model by one role."""

    role: str = Field(description='The role, "router" for the choice of one.')
    model: str = Field(description="The model's name.")
    answers: int = Field(description="Number of its answers.")
    failures: int = Field(description="Number of requests that it did not answer.")
    prompt_tokens: int = Field(description="Tokens read.")
    answer_tokens: int = Field(description="Tokens written.")
    cost: float = Field(description="Cost, in the currency of `chat.inputPrice`.")


class Result(CommandRecord):
    """The statistics and costs."""

    completion: dict[str, int | float | dict[str, int]] = Field(
        description="By name, as documented at `agents.completion.statistics.CompletionStatistics`; empty at the start."
    )
    next_edits: dict[str, int | float | dict[str, int]] = Field(
        description="By name, as documented at `agents.next_edit.statistics.NextEditStatistics`; empty at the start."
    )
    costs: tuple[Cost, ...] = Field(
        description=f"Costs of chat models in the last {DAYS} days, of all servers and commands; newest day first."
    )
    team: tuple[TeamDay, ...] = Field(
        description=f"The team's work in the last {DAYS} days, of all servers and commands; newest day first."
    )
    roles: tuple[RoleUse, ...] = Field(description="The use of models by role in these days; most tokens first.")
    problem: str = Field(description='Why costs or the team\'s work could not be read, "" if they could.')


async def execute(_: Snapshot, services: Services, __: NoArguments) -> Result:
    """Return the statistics of completions, and costs and the team's work of the last `DAYS` days.

    What cannot be read is empty, and `problem` says why.
    """
    core = services.cores.current
    editor = None if core is None else core.next_editor
    records, problem = await asyncio.to_thread(read_costs, services)
    metrics, other = await asyncio.to_thread(_read_metrics)
    return Result(
        completion={} if core is None else dataclasses.asdict(core.generator.compute_statistics()),
        next_edits={} if editor is None else dataclasses.asdict(editor.compute_statistics()),
        costs=tuple(Cost(**dataclasses.asdict(record)) for record in records),
        team=tuple(TeamDay(**dataclasses.asdict(one)) for one in summaries.sum_days(metrics)),
        roles=tuple(RoleUse(**dataclasses.asdict(one)) for one in summaries.sum_roles(metrics)),
        problem=problem or other,
    )


def _read_metrics() -> tuple[tuple[Metric, ...], str]:
    """Return the team's figures of the last `DAYS` days, and the reason if they cannot be read, else "". Blocking."""
    from agents.ports.failures import StateError  # noqa: PLC0415 (SQLite)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.state.watching.metrics_store import Metrics  # noqa: PLC0415

    with closing(open_state()) as state:
        try:
            return Metrics(state).list_days(DAYS), ""
        except StateError as error:
            return (), str(error)


def read_costs(services: Services) -> tuple[tuple[CostRecord, ...], str]:
    """Return the costs of the last `DAYS` days, and the reason if they cannot be read ("" if they can). Blocking.

    While the server is starting, or without a cost ledger, there are no costs and no reason.
    """
    from agents.ports.failures import StateError  # noqa: PLC0415 (SQLite)

    core = services.cores.current
    try:
        return (() if core is None or core.costs is None else core.costs.list_days(DAYS)), ""
    except StateError as error:
        return (), str(error)
