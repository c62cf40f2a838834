"""`starling.health`: whether each part of the server works, and what to do if one does not."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from server.assembly.observation import health
from server.lsp.commands.answering.command_records import CommandRecord, NoArguments

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

START_WAIT_S = 30.0
Arguments = NoArguments


class Check(CommandRecord):
    """The state of one part."""

    part: str = Field(description='"settings", "index", "model", "chat", "record" or "server".')
    ok: bool = Field(description="Whether it works as configured.")
    message: str = Field(description="One sentence: its state, or what is wrong and what to do.")


class Result(CommandRecord):
    """The state of all parts."""

    status: Literal["ok", "degraded", "starting"] = Field(description='"degraded" if a part does not work.')
    checks: tuple[Check, ...]


async def execute(_: Snapshot, services: Services, __: NoArguments) -> Result:
    """Check each part, once the server has started; return "starting" if it has not within `START_WAIT_S`."""
    core = await services.cores.wait(START_WAIT_S)
    if core is None:
        return Result(status="starting", checks=(_check_server(services),))
    found = await asyncio.get_running_loop().run_in_executor(services.pool, health.check_core, core)
    journal = services.gate.journal
    record = await asyncio.to_thread(health.check_record, journal.find_problem)
    checks = (*(Check(**dataclasses.asdict(one)) for one in (*found, record)), _check_server(services))
    return Result(status="ok" if all(check.ok for check in checks) else "degraded", checks=checks)


def _check_server(services: Services) -> Check:
    """Return the numbers of failures since the start, by handler."""
    failures = ", ".join(f"{count} x {name}" for name, count in sorted(services.guard.failures.items()))
    message = f"Failed since the start, see the log: {failures}." if failures else "No request has failed."
    return Check(part="server", ok=not failures, message=message)
