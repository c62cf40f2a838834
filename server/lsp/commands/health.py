"""`starling.health`: whether each part of the server works, and what to do if one does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from server.lsp.commands.answering.command_records import CommandRecord, NoArguments
from server.lsp.commands.status import describe_chats, describe_model

if TYPE_CHECKING:
    from server.assembly.core import Core
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
    index = await asyncio.get_running_loop().run_in_executor(services.pool, _check_index, core)
    record = await asyncio.to_thread(_check_record, services)
    checks = (_check_settings(core), index, _check_model(core), _check_chat(core), record, _check_server(services))
    return Result(status="ok" if all(check.ok for check in checks) else "degraded", checks=checks)


def _check_settings(core: Core) -> Check:
    """Return the state of the settings: their problems, if there are any."""
    wrong = " ".join(core.problems)
    return Check(part="settings", ok=not wrong, message=wrong or "All settings are in force.")


def _check_index(core: Core) -> Check:
    """Return the state of the index, and its size or problem. Blocking."""
    status = core.index.read_status()
    message = status.problem or f"The index is {status.state} and holds {status.files:,} files."
    return Check(part="index", ok=not status.problem and status.state != "failed", message=message)


def _check_model(core: Core) -> Check:
    """Return the state of the completion model; having none is in order."""
    facts = describe_model(core)
    if facts.state == "off":
        return Check(part="model", ok=True, message="No model is used; completions come from the workspace's own code.")
    message = facts.problem or f"{facts.name} is {facts.state}."
    return Check(part="model", ok=not facts.problem, message=message)


def _check_chat(core: Core) -> Check:
    """Check the chat models by their last answers, without a new request; `starling doctor` asks each."""
    facts = describe_chats(core)
    wrong = " ".join(dict.fromkeys(one.problem for one in facts if one.problem))
    names = ", then ".join(f"{one.model} at {one.place}" for one in facts if one.role == facts[0].role)
    message = wrong or (f"Asked in turn: {names}." if facts else "No chat model is configured.")
    return Check(part="chat", ok=not wrong, message=message)


def _check_record(services: Services) -> Check:
    """Check whether changes of files can be recorded, for without a record no change is made."""
    problem = services.gate.journal.find_problem()
    message = f"No file can be changed. {problem}" if problem else "Changes of files can be recorded, and undone."
    return Check(part="record", ok=not problem, message=message)


def _check_server(services: Services) -> Check:
    """Return the numbers of failures since the start, by handler."""
    failures = ", ".join(f"{count} x {name}" for name, count in sorted(services.guard.failures.items()))
    message = f"Failed since the start, see the log: {failures}." if failures else "No request has failed."
    return Check(part="server", ok=not failures, message=message)
