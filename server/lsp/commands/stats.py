"""`starling.stats`: completions since the start, and what chat models cost. Nothing of it leaves this machine."""

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
    """One day of one chat model."""

    day: str = Field(description='"2026-11-28", by this machine\'s clock.')
    endpoint: str = Field(description='Its address, or "this machine".')
    model: str = Field(description="Its name there.")
    role: str = Field(description='What it was asked for: "chat" or "review".')
    answers: int = Field(description="Calls that were answered.")
    failures: int = Field(description="Calls that were not.")
    requests: int = Field(description="Requests sent for all of these.")
    prompt_tokens: int = Field(description="Tokens read, cached ones included.")
    answer_tokens: int = Field(description="Tokens written.")
    cached_tokens: int = Field(description="Of those read, what the endpoint had cached.")
    estimated: int = Field(description="Calls whose tokens the endpoint did not tell: they are estimated from above.")
    cost: float = Field(description="Of the calls whose price is known, in the currency of `chat.inputPrice`.")
    unpriced: int = Field(description="Calls whose price is not known; they are not in `cost`.")


class Result(CommandRecord):
    """The figures."""

    completion: dict[str, int | float | dict[str, int]] = Field(
        description="By name, as documented at `agents.completion.statistics.CompletionStatistics`; empty at the start."
    )
    costs: tuple[Cost, ...] = Field(
        description=f"What chat models cost in the last {DAYS} days, of all servers and commands; the newest day first."
    )
    problem: str = Field(description='Why `costs` could not be read, "" when they could.')


async def execute(_: Snapshot, services: Services, __: NoArguments) -> Result:
    """Read the figures."""
    core = services.cores.current
    records, problem = await asyncio.to_thread(costs_of, services)
    return Result(
        completion={} if core is None else dataclasses.asdict(core.generator.statistics()),
        costs=tuple(Cost(**dataclasses.asdict(record)) for record in records),
        problem=problem,
    )


def costs_of(services: Services) -> tuple[tuple[CostRecord, ...], str]:
    """What was recorded, and why it could not be read."""
    from agents.ports.failures import StateError  # noqa: PLC0415 (SQLite)

    core = services.cores.current
    try:
        return (() if core is None or core.costs is None else core.costs.list_days(DAYS)), ""
    except StateError as error:
        return (), str(error)
