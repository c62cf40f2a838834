"""`starling autopilot`: lists what the autopilot proposes, accepts and dismisses it, and looks now. Start at `app`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal, workspace
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.ports.task_proposals import KeptProposal
    from server.state.background.proposal_store import ProposalStore
    from server.state.database import State

COLUMNS = (Column("ID", typed=True), *map(Column, ("KIND", "TITLE")))

Name = Annotated[str, typer.Argument(metavar="ID", help="The proposal; the first characters of its id suffice.")]
Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]

app = typer.Typer(help="Tasks that the autopilot proposes: list, accept, dismiss.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def list_proposals(context: typer.Context, *, directory: Directory = None, as_json: AsJson = False) -> None:
    """List the proposals of the workspace, the most valuable first."""
    if context.invoked_subcommand is not None:
        return
    place = arguments.choose_workspace(directory).as_uri()
    with _open_proposals() as (proposals, _):
        found, used = proposals.list_open(place), proposals.read_spending(place)
    if as_json:
        spent = {"tasks": used.tasks, "tokens": used.tokens, "cost": used.cost}
        terminal.emit({"proposals": [_describe(one) for one in found], "used_today": spent})
        return
    if not found:
        terminal.note("Nothing is proposed here; `starling autopilot look` looks for work.")
        return
    tables.show(COLUMNS, [(one.id[:8], one.proposal.kind.value, one.proposal.title) for one in found])


@app.command("look")
def look(*, directory: Directory = None) -> None:
    """Look for work now and store it as proposals; starts no task."""
    from agents.autopilot.autopilot import choose  # noqa: PLC0415 (`--help` starts without)
    from server.work.found_work import find_work  # noqa: PLC0415

    root = arguments.choose_workspace(directory)
    with workspace.open_core(root) as core:
        found = choose(find_work(core, root))
    with _open_proposals() as (proposals, _):
        new = proposals.replace_open(root.as_uri(), found)
        waiting = len(proposals.list_open(root.as_uri()))
    terminal.note(
        f"{terminal.format_count(waiting, 'proposal')}, {new:,} of them new; `starling autopilot` lists them."
    )


@app.command("show")
def show(name: Name, *, directory: Directory = None) -> None:
    """Show a proposal as the agent would get it."""
    with _open_proposals() as (proposals, _):
        found = _find(proposals, name, directory).proposal
    sys.stdout.write(f"{terminal.escape(found.title)}\n\n{terminal.escape(found.details)}\n")


@app.command("accept")
def accept(name: Name, *, directory: Directory = None) -> None:
    """Queue a proposal as a task; `starling work` does it."""
    from agents.autopilot import autopilot  # noqa: PLC0415 (as above)
    from agents.ports.task_queue import QueueFull  # noqa: PLC0415
    from server.state.task_store import TaskStore  # noqa: PLC0415

    place = arguments.choose_workspace(directory).as_uri()
    with _open_proposals() as (proposals, state):
        found = _find(proposals, name, directory)
        try:
            task = autopilot.accept(found, place, proposals, TaskStore(state))
        except QueueFull as error:
            raise Failure(str(error)) from error
    if task is None:
        raise Failure(f"{found.proposal.title!r} was decided meanwhile; `starling autopilot` lists what is left.")
    sys.stdout.write(f"{task.id[:8]}\n")


@app.command("dismiss")
def dismiss(name: Name, *, directory: Directory = None) -> None:
    """Dismiss a proposal for good."""
    place = arguments.choose_workspace(directory).as_uri()
    with _open_proposals() as (proposals, _):
        found = _find(proposals, name, directory)
        if not proposals.dismiss(place, found.id):
            raise Failure(f"{found.proposal.title!r} was decided meanwhile; `starling autopilot` lists what is left.")


@contextlib.contextmanager
def _open_proposals() -> Iterator[tuple[ProposalStore, State]]:
    """Yield the proposals and the state database, which is closed afterwards.

    Raises:
        Failure: the state database cannot be used.
    """
    from agents.ports.failures import StateError  # noqa: PLC0415 (as above)
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.state.background.proposal_store import ProposalStore  # noqa: PLC0415

    state = open_state()
    try:
        yield ProposalStore(state), state
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        state.close()


def _find(proposals: ProposalStore, name: str, directory: Path | None) -> KeptProposal:
    """Return the open proposal whose id begins with `name`.

    Raises:
        Failure: there is none, or there are several.
    """
    listed = proposals.list_open(arguments.choose_workspace(directory).as_uri())
    found = [one for one in listed if name and one.id.startswith(name)]
    if len(found) != 1:
        what = "are several proposals" if found else "is no proposal"
        raise Failure(f"There {what} {name!r} in this workspace; `starling autopilot` lists them.")
    return found[0]


def _describe(kept: KeptProposal) -> dict[str, Any]:
    """Return a proposal as JSON."""
    one = kept.proposal
    return {
        "id": kept.id, "kind": one.kind.value, "title": one.title, "details": one.details, "weight": one.weight,
        "workflow": one.workflow, "created": kept.created,
    }  # fmt: skip
