"""`starling memory`: shows, adds, changes, exports and deletes what agents remember. Start at `app`."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column
from server.cli.team.roles import check_role
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.state.memory_store import MemoryStore

MOST_LISTED = 1000
MOST_SEARCHED = 50_000
COLUMNS = (Column("KEY", typed=True), *map(Column, ("AGENT", "WHERE", "FROM", "CHANGED", "TEXT")))
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
        from agents.team.memory.memory_export import describe_memory  # noqa: PLC0415 (`--help` starts without)

        terminal.emit({"memories": [describe_memory(one) for one in found]})
        return
    if not found:
        terminal.note("Nothing is remembered for this workspace; `starling memory add KEY TEXT` adds something.")
        return
    rows = [
        (
            shorten(one.key),
            one.agent or "all",
            "here" if one.workspace else "everywhere",
            one.source.value,
            terminal.format_time(one.changed),
            shorten(one.text),
        )
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
    """Have agents remember something.

    It replaces what had the same key; secrets in it are replaced.
    """
    from agents.ports.memory import Remembered, Source  # noqa: PLC0415 (`--help` starts without)
    from indexing.workspace.secrets.known_places import register_secrets  # noqa: PLC0415

    place = "" if everywhere else _name_workspace(directory)
    role = check_role(role, arguments.choose_workspace(directory))
    register_secrets([arguments.choose_workspace(directory)])
    with open_store() as store:
        try:
            store.remember(Remembered(place, role, key, " ".join(text), Source.PERSON))
        except ValueError as error:
            raise Failure(f"It was not stored: {error}.") from error


@app.command("show")
def show(key: Key, *, role: Agent = "", directory: Directory = None) -> None:
    """Show everything that is remembered with a key."""
    from agents.team.memory.memory_export import describe_memory  # noqa: PLC0415 (`--help` starts without)

    with open_store() as store:
        listed = store.list_memories(_name_workspace(directory), MOST_SEARCHED, agent=role)
    found = [one for one in listed if one.key == key]
    if not found:
        raise Failure(f"Nothing is remembered as {key}; `starling memory` lists what is.")
    for one in found:
        for label, value in describe_memory(one).items():
            shown = terminal.format_time(value) if label in {"created", "changed"} else str(value)
            if shown:
                terminal.get_stdout().print(f"{label + ':':10} {terminal.escape(shown)}", markup=False)


@app.command("delete")
def delete(key: Key, *, role: Agent = "", everywhere: Everywhere = False, directory: Directory = None) -> None:
    """Delete a memory; it cannot be restored."""
    place = "" if everywhere else _name_workspace(directory)
    with open_store() as store:
        if not store.forget(place, role, key):
            raise Failure(_explain_missing(store, key, _name_workspace(directory)))


def _explain_missing(store: MemoryStore, key: str, workspace: str) -> str:
    """Return why no memory was deleted, with the commands that delete those with the same key, if there are any."""
    same = [one for one in store.list_memories(workspace, MOST_SEARCHED) if one.key == key]
    if not same:
        return f"Nothing is remembered as {key}; `starling memory` lists what is."
    commands = (
        shlex.join(("starling", "memory", "delete", key, *(("--role", one.agent) if one.agent else ())))
        + ("" if one.workspace else " --everywhere")
        for one in same
    )
    return f"Nothing is remembered as {key} for that; what has this key is deleted by: {' or: '.join(commands)}"


@app.command("clear")
def clear(*, directory: Directory = None) -> None:
    """Delete all memories, activities and decisions of the workspace."""
    with open_store() as store:
        deleted = store.clear(_name_workspace(directory))
    terminal.note(f"{terminal.format_count(deleted, 'record')} deleted.")


@app.command("export")
def export(*, directory: Directory = None) -> None:
    """Write memories, activities and decisions as JSON on stdout."""
    from agents.team.memory.memory_export import export_memory  # noqa: PLC0415 (`--help` starts without)

    place = _name_workspace(directory)
    with open_store() as store:
        terminal.emit(export_memory(store, place))


def open_store() -> Any:  # noqa: ANN401 (a context manager of a class that `--help` does not load)
    """Return a context manager that gives the store of memories and closes it; it turns `StateError` into `Failure`."""
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.state.memory_store import MemoryStore  # noqa: PLC0415

    @contextlib.contextmanager
    def use_store() -> Iterator[MemoryStore]:
        """Yield the store; close the state database afterwards."""
        state = open_state()
        try:
            yield MemoryStore(state)
        except StateError as error:
            raise Failure(str(error)) from error
        finally:
            state.close()

    return use_store()


def _name_workspace(directory: Path | None) -> str:
    """Return the URI of the workspace `directory`; without it, of the workspace of the working directory."""
    root = arguments.choose_workspace(directory)
    return root.as_uri()


def shorten(text: str) -> str:
    """Return a text as one line of at most `LONGEST_SHOWN` characters."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"
