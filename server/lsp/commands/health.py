"""`starling.health`: whether each part works, and what to do where one does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from server.lsp.commands.answering.command_records import CommandRecord, NoArguments
from server.lsp.commands.status import chat_facts, model_facts

if TYPE_CHECKING:
    from server.assembly.core import Core
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

START_WAIT_S = 30.0
Arguments = NoArguments


class Check(CommandRecord):
    """One part."""

    part: str = Field(description='"settings", "index", "model", "chat", "record" or "server".')
    ok: bool = Field(description="Whether it works as it is set.")
    message: str = Field(description="A sentence: its state, or what is wrong and what to do.")


class Result(CommandRecord):
    """All parts."""

    status: Literal["ok", "degraded", "starting"] = Field(description='"degraded" when a part does not work.')
    checks: tuple[Check, ...]


async def execute(_: Snapshot, services: Services, __: NoArguments) -> Result:
    """Look at each part; waits for the start to end."""
    core = await services.cores.ready(START_WAIT_S)
    if core is None:
        return Result(status="starting", checks=(_server(services),))
    index = await asyncio.get_running_loop().run_in_executor(services.pool, _index, core)
    record = await asyncio.to_thread(_record, services)
    checks = (_settings(core), index, _model(core), _chat(core), record, _server(services))
    return Result(status="ok" if all(check.ok for check in checks) else "degraded", checks=checks)


def _settings(core: Core) -> Check:
    wrong = " ".join(core.problems)
    return Check(part="settings", ok=not wrong, message=wrong or "All settings are in force.")


def _index(core: Core) -> Check:
    status = core.index.status()
    message = status.problem or f"The index is {status.state} and holds {status.files:,} files."
    return Check(part="index", ok=not status.problem and status.state != "failed", message=message)


def _model(core: Core) -> Check:
    facts = model_facts(core)
    if facts.state == "off":
        return Check(part="model", ok=True, message="No model is used; completions come from the workspace's own code.")
    message = facts.problem or f"{facts.name} is {facts.state}."
    return Check(part="model", ok=not facts.problem, message=message)


def _chat(core: Core) -> Check:
    """The chat models, as far as they have been asked: `starling doctor` asks each."""
    facts = chat_facts(core)
    wrong = " ".join(dict.fromkeys(one.problem for one in facts if one.problem))
    names = ", then ".join(f"{one.model} at {one.place}" for one in facts if one.role == facts[0].role)
    message = wrong or (f"Asked in turn: {names}." if facts else "No chat model is configured.")
    return Check(part="chat", ok=not wrong, message=message)


def _record(services: Services) -> Check:
    """Whether changes could be recorded: what cannot be is not made."""
    problem = services.gate.journal.find_problem()
    message = f"No file can be changed. {problem}" if problem else "Changes of files can be recorded, and undone."
    return Check(part="record", ok=not problem, message=message)


def _server(services: Services) -> Check:
    failures = ", ".join(f"{count} x {name}" for name, count in sorted(services.guard.failures.items()))
    message = f"Failed since the start, see the log: {failures}." if failures else "No request has failed."
    return Check(part="server", ok=not failures, message=message)
