"""The state of each part of the server, and what to do about one that fails. Blocking. Start at `check_server`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.assembly.observation.sources import SOURCES
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.assembly.core import Core

RECORD = "record"
"""The part without which no change is made: the state database."""


@dataclass(frozen=True, slots=True)
class Check:
    """The state of one part.

    Attributes:
        part: "settings", "index", "model", "chat", "record" or "server".
        ok: whether it works as configured.
        message: one sentence: its state, or what is wrong and what to do.
    """

    part: str
    ok: bool
    message: str


def check_server() -> tuple[Check, ...]:
    """Check the state database, and the parts of all sessions of this process; opens no connection to a model."""
    cores = SOURCES.list_cores()
    return (check_record(), *_merge(check for core in cores for check in check_core(core)))


def check_core(core: Core) -> tuple[Check, ...]:
    """Check settings, index and models of a core."""
    return check_settings(core), check_index(core), check_model(core), check_chat(core)


def describe(checks: Iterable[Check]) -> dict[str, Any]:
    """Return `checks` as JSON: "ok", or "degraded" if a part does not work; each part with its sentence."""
    listed = tuple(checks)
    parts = {check.part: {"status": _name_status(check), "message": check.message} for check in listed}
    status = "ok" if all(check.ok for check in listed) else "degraded"
    return {"status": status, "version": VERSION, "sessions": len(SOURCES.list_all()), "parts": parts}


def can_record(checks: Iterable[Check]) -> bool:
    """Return whether changes can be recorded, without which the server makes none."""
    return all(check.ok for check in checks if check.part == RECORD)


def check_settings(core: Core) -> Check:
    """Return the state of the settings: their problems, if there are any."""
    wrong = " ".join(core.problems)
    return Check("settings", not wrong, wrong or "All settings are in force.")


def check_index(core: Core) -> Check:
    """Return the state of the index, and its size or problem."""
    status = core.index.read_status()
    message = status.problem or f"The index is {status.state} and holds {status.files:,} files."
    return Check("index", not status.problem and status.state != "failed", message)


def check_model(core: Core) -> Check:
    """Return the state of the completion model; having none is in order."""
    if core.model is None:
        return Check("model", True, "No model is used; completions come from the workspace's own code.")
    return Check(
        "model", not core.model.problem, core.model.problem or f"{core.model.entry.name} is {core.model.state}."
    )


def check_chat(core: Core) -> Check:
    """Check the chat models by their last answers, without a new request; `starling doctor` asks each."""
    links = [(role, status) for role, chain in core.chats.by_role.items() for status in chain.list_statuses()]
    wrong = " ".join(dict.fromkeys(status.problem for _, status in links if status.problem))
    names = ", then ".join(f"{one.model} at {one.place}" for role, one in links if role == links[0][0])
    return Check("chat", not wrong, wrong or (f"Asked in turn: {names}." if links else "No chat model is configured."))


def check_record(find_problem: Callable[[], str] | None = None) -> Check:
    """Check whether changes of files can be recorded, for without a record no change is made.

    `find_problem` returns why not, "" if they can; None for the user's state database.
    """
    problem = (find_problem or _find_state_problem)()
    message = f"No file can be changed. {problem}" if problem else "Changes of files can be recorded, and undone."
    return Check(RECORD, not problem, message)


def _find_state_problem() -> str:
    """Return why nothing can be written to the state database, "" if it can be."""
    from agents.ports.failures import StateError  # noqa: PLC0415 (SQLite)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.state.gate_records import GateRecords  # noqa: PLC0415

    with closing(open_state()) as state:
        try:
            GateRecords(state).check()
        except StateError as error:
            return str(error)
    return ""


def _merge(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return one check for each part: the first that failed, else the first."""
    found: dict[str, Check] = {}
    for check in checks:
        if check.part not in found or (found[check.part].ok and not check.ok):
            found[check.part] = check
    return tuple(found.values())


def _name_status(check: Check) -> str:
    """Return "ok" or "degraded"."""
    return "ok" if check.ok else "degraded"
