"""The check of `starling doctor` about commands of agents: how they are confined here. Start at `check_commands`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from agents.ports.commands import CommandRequest
from server.gate.commands.isolation import choose_mechanism
from server.gate.question import wording

if TYPE_CHECKING:
    from agents.ports.commands import Isolation


class CommandsReport(NamedTuple):
    """The confinement of agents' commands on this system, as a check reports it.

    Attributes:
        state: "ok" if writes, secrets and the network are all confined.
        message: one sentence for a person.
        remedy: how to confine more, "" if nothing is missing.
        facts: the same, for the output as JSON.
    """

    state: Literal["ok", "warning"]
    message: str
    remedy: str
    facts: dict[str, Any]


def check_commands() -> CommandsReport:
    """Try which confinement works here, and return a report on it."""
    choice = choose_mechanism()
    isolation = choice.mechanism.describe(CommandRequest("", Path()))
    gaps = wording.list_isolation_warnings(isolation)
    facts = {**_describe(isolation), "problems": list(choice.problems)}
    if not gaps:
        message = f"Commands of agents are confined by {isolation.name}: writes, secrets and the network."
        return CommandsReport("ok", message, "", facts)
    start = f"Commands of agents are confined by {isolation.name}" if isolation.name else "Nothing confines commands"
    message = f"{start}, after your permission. {' '.join(gaps)}"
    return CommandsReport("warning", message, " ".join((*choice.problems, choice.remedy)).strip(), facts)


def _describe(isolation: Isolation) -> dict[str, Any]:
    """Return the facts about a confinement."""
    facts = asdict(isolation)
    del facts["requested"]
    return facts
