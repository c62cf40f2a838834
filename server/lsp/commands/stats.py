"""`starling.stats`: statistics of completions since the start, and costs of chat models; all stay on this machine."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from pydantic import Field

from server.lsp.commands.answering.command_records import CommandRecord, NoArguments

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot
    from server.state.cost_ledger import CostRecord

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


class Result(CommandRecord):
    """The statistics and costs."""

    completion: dict[str, int | float | dict[str, int]] = Field(
        description="By name, as documented at `agents.completion.statistics.CompletionStatistics`; empty at the start."
    )
    costs: tuple[Cost, ...] = Field(
        description=f"Costs of chat models in the last {DAYS} days, of all servers and commands; newest day first."
    )
    problem: str = Field(description='Why `costs` could not be read, "" if they could.')


async def execute(_: Snapshot, services: Services, __: NoArguments) -> Result:
    """Return the statistics of completions and the recorded costs."""
    core = services.cores.current
    records, problem = await asyncio.to_thread(read_costs, services)
    return Result(
        completion={} if core is None else dataclasses.asdict(core.generator.compute_statistics()),
        costs=tuple(Cost(**dataclasses.asdict(record)) for record in records),
        problem=problem,
    )


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
