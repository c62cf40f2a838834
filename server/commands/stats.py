"""`starling.stats`: counts and latencies of completions since the start. Nothing of it leaves this machine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pydantic import Field

from server.commands.records import CommandRecord, NoArguments

if TYPE_CHECKING:
    from server.session import Snapshot

Arguments = NoArguments


class Result(CommandRecord):
    """The figures."""

    completion: dict[str, int | float | dict[str, int]] = Field(
        description="By name, as `agents.generator.statistics.CompletionStatistics` documents them; empty at the start."
    )


async def execute(snapshot: Snapshot, _: NoArguments) -> Result:
    """Read the figures."""
    core = snapshot.cores.current
    return Result(completion={} if core is None else dataclasses.asdict(core.generator.statistics()))
