"""`starling decisions`: lists, shows and deletes what the team has decided in a workspace. Start at `app`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure
from server.cli.work.memory import open_store, shorten

if TYPE_CHECKING:
    from agents.ports.memory import Decision

COLUMNS = (Column("ID", typed=True), *map(Column, ("DECIDED", "BY", "RESULT", "QUESTION")))
SHOWN_ID = 8
"""Characters of an id in the list."""

Name = Annotated[str, typer.Argument(metavar="ID", help="Its id; the first characters suffice.")]
Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]

app = typer.Typer(help="What the team has decided: list, show, delete.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def list_decisions(context: typer.Context, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """List the decisions in the workspace, the newest first."""
    if context.invoked_subcommand is not None:
        return
    found = _read_all(_name_workspace(directory))
    if as_json:
        from agents.team.memory.memory_export import describe_decision  # noqa: PLC0415 (`--help` starts without)

        terminal.emit({"decisions": [describe_decision(one) for one in found]})
        return
    if not found:
        terminal.note("Nothing was decided in this workspace; `starling do --workflow board QUESTION` asks the board.")
        return
    rows = [
        (one.id[:SHOWN_ID], terminal.format_time(one.at), one.agent, shorten(one.verdict), shorten(one.question))
        for one in found
    ]
    tables.show(COLUMNS, rows)


@app.command("show")
def show(name: Name, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """Show a decision with every verdict, as Markdown."""
    from agents.team.memory.memory_export import describe_decision  # noqa: PLC0415
    from agents.team.shown_text import escape_to_markdown  # noqa: PLC0415 (`--help` starts without the team)
    from agents.team.workflows.board_records import load_board  # noqa: PLC0415
    from agents.team.workflows.board_report import format_report  # noqa: PLC0415

    decision = _find(_name_workspace(directory), name)
    if as_json:
        terminal.emit(describe_decision(decision))
        return
    board = load_board(decision.details)
    text = format_report(board) if board is not None else _format_plainly(decision)
    terminal.get_stdout().print(terminal.escape(escape_to_markdown(text)), markup=False, soft_wrap=True)


@app.command("delete")
def delete(name: Name, *, directory: Directory = None) -> None:
    """Delete a decision; it cannot be restored."""
    place = _name_workspace(directory)
    decision = _find(place, name)
    with open_store() as store:
        store.delete_decision(place, decision.id)


def _read_all(place: str) -> tuple[Decision, ...]:
    """Return the decisions in the workspace with the URI `place`, the newest first."""
    from server.state.memory_store import MOST_DECISIONS  # noqa: PLC0415 (`--help` starts without)

    with open_store() as store:
        return tuple(store.list_decisions(place, MOST_DECISIONS))


def _find(place: str, name: str) -> Decision:
    """Return the decision whose id begins with `name`.

    Raises:
        Failure: there is none, or there are several.
    """
    found = [one for one in _read_all(place) if one.id and one.id.startswith(name)] if name else []
    if len(found) != 1:
        what = "Several decisions have an id that begins with" if found else "There is no decision"
        raise Failure(f"{what} {name}; `starling decisions` lists them.")
    return found[0]


def _format_plainly(decision: Decision) -> str:
    """Return a decision of another kind, or one whose details cannot be read, as text."""
    from agents.team.memory.memory_export import describe_decision  # noqa: PLC0415 (`--help` starts without)

    facts: dict[str, Any] = describe_decision(decision)
    return "\n".join(f"{label}: {value}" for label, value in facts.items() if value)


def _name_workspace(directory: Path | None) -> str:
    """Return the URI of the workspace `directory`; without it, of the workspace of the working directory."""
    return arguments.choose_workspace(directory).as_uri()
