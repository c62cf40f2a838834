"""`starling memory`: shows, adds, changes, exports and deletes what agents remember. Start at `app`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.ports.memory import Activity, Decision, Remembered
    from server.state.memory_store import MemoryStore

MOST_LISTED = 1000
MOST_EXPORTED = 50_000
COLUMNS = (Column("KEY", typed=True), *map(Column, ("AGENT", "FROM", "CHANGED", "TEXT")))
LONGEST_SHOWN = 80

Key = Annotated[str, typer.Argument(metavar="KEY", help="Its short name.")]
Agent = Annotated[str, typer.Option("--role", "-r", metavar="ROLE", help="Only for this role.", show_default="for all")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="For all workspaces.")]
Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]

app = typer.Typer(help="What agents remember: list, add, export, delete.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def list_memories(
    context: typer.Context, *, role: Agent = "", directory: Directory = None, as_json: AsJson = False
) -> None:
    """List the memories for the workspace, the last changed first."""
    if context.invoked_subcommand is not None:
        return
    with open_store() as store:
        found = store.list_memories(_name_workspace(directory), MOST_LISTED, agent=role)
    if as_json:
        terminal.emit({"memories": [_describe(one) for one in found]})
        return
    if not found:
        terminal.note("Nothing is remembered for this workspace; `starling memory add KEY TEXT` adds something.")
        return
    rows = [
        (shorten(one.key), one.agent or "all", one.source.value, terminal.format_time(one.changed), shorten(one.text))
        for one in found
    ]
    tables.show(COLUMNS, rows)


@app.command("add")
def add(
    key: Key,
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="What is to be remembered.")],
    *,
    role: Agent = "",
    everywhere: Everywhere = False,
    directory: Directory = None,
) -> None:
    """Have agents remember something, in place of what had the same key; secrets in it are replaced."""
    from agents.ports.memory import Remembered, Source  # noqa: PLC0415 (`--help` starts without)

    place = "" if everywhere else _name_workspace(directory)
    with open_store() as store:
        try:
            store.remember(Remembered(place, role, key, " ".join(text), Source.PERSON))
        except ValueError as error:
            raise Failure(f"It was not stored: {error}.") from error


@app.command("show")
def show(key: Key, *, role: Agent = "", directory: Directory = None) -> None:
    """Show everything that is remembered with a key."""
    with open_store() as store:
        listed = store.list_memories(_name_workspace(directory), MOST_EXPORTED, agent=role)
    found = [one for one in listed if one.key == key]
    if not found:
        raise Failure(f"Nothing is remembered as {key}; `starling memory` lists what is.")
    for one in found:
        for label, value in _describe(one).items():
            shown = terminal.format_time(value) if label in {"created", "changed"} else str(value)
            if shown:
                terminal.get_stdout().print(f"{label + ':':10} {terminal.escape(shown)}", markup=False)


@app.command("delete")
def delete(key: Key, *, role: Agent = "", everywhere: Everywhere = False, directory: Directory = None) -> None:
    """Delete a memory; it cannot be restored."""
    place = "" if everywhere else _name_workspace(directory)
    with open_store() as store:
        if not store.forget(place, role, key):
            raise Failure(f"Nothing is remembered as {key} there; `starling memory` lists what is, and for whom.")


@app.command("clear")
def clear(*, directory: Directory = None) -> None:
    """Delete all memories, activities and decisions of the workspace."""
    with open_store() as store:
        deleted = store.clear(_name_workspace(directory))
    terminal.note(f"{terminal.format_count(deleted, 'record')} deleted.")


@app.command("export")
def export(*, directory: Directory = None) -> None:
    """Write memories, activities and decisions of the workspace as one JSON object on stdout."""
    place = _name_workspace(directory)
    with open_store() as store:
        terminal.emit({
            "memories": [_describe(one) for one in store.list_memories(place, MOST_EXPORTED)],
            "activities": [_describe_activity(one) for one in store.list_activities(place, MOST_EXPORTED)],
            "decisions": [describe_decision(one) for one in store.list_decisions(place, MOST_EXPORTED)],
        })  # fmt: skip


def open_store() -> Any:  # noqa: ANN401 (a context manager of a class that `--help` does not load)
    """Return a context manager that gives the store of memories and closes it; it turns `StateError` into `Failure`."""
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.state.memory_store import MemoryStore  # noqa: PLC0415

    @contextlib.contextmanager
    def use_store() -> Iterator[MemoryStore]:
        state = open_state()
        try:
            yield MemoryStore(state)
        except StateError as error:
            raise Failure(str(error)) from error
        finally:
            state.close()

    return use_store()


def _describe(memory: Remembered) -> dict[str, Any]:
    """Return a memory as JSON."""
    return {
        "key": memory.key, "text": memory.text, "agent": memory.agent, "workspace": memory.workspace,
        "source": memory.source.value, "origin": memory.origin, "created": memory.created, "changed": memory.changed,
    }  # fmt: skip


def _describe_activity(activity: Activity) -> dict[str, Any]:
    """Return an activity as JSON."""
    return {
        "agent": activity.agent, "activity": activity.activity, "details": activity.details, "at": activity.at,
    }  # fmt: skip


def describe_decision(decision: Decision) -> dict[str, Any]:
    """Return a decision as JSON."""
    return {
        "agent": decision.agent, "kind": decision.kind, "question": decision.question, "verdict": decision.verdict,
        "details": decision.details, "at": decision.at, "id": decision.id,
    }  # fmt: skip


def _name_workspace(directory: Path | None) -> str:
    root = arguments.choose_workspace(directory)
    return root.as_uri()


def shorten(text: str) -> str:
    """Return a text as one line of at most `LONGEST_SHOWN` characters."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"
