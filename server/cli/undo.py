"""`starling undo`: undoes a change of Starling after showing the diff and asking, or lists changes. Start at `undo`."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import arguments, tables, terminal, terminal_asker
from server.cli.tables import Column
from server.cli.terminal import Failure, Misuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexing.limits import IndexLimits
    from server.gate.ports import Outcome
    from server.gate.records import UndoableChange

FAILED = 1
MOST_LISTED = 50
COLUMNS = (Column("CHECKPOINT", typed=True), *map(Column, ("TIME", "SESSION", "FILES", "CHANGE")))


def undo(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            help="The change; the first characters of its id suffice.",
            show_default="the last change here",
        ),
    ] = "",
    *,
    lists: Annotated[
        bool, typer.Option("--list", "-l", help="List the changes that can be undone; undo none.")
    ] = False,
    yes: terminal_asker.Yes = None,
    directory: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> int:
    """Undo a change that Starling made here or in an editor. Every byte is restored."""
    if lists and checkpoint:
        raise Misuse("`--list` lists all changes; leave the checkpoint or `--list` out.")
    from server.assembly import policies  # noqa: PLC0415 (`--help` starts without it)
    from server.assembly.settings import resolve  # noqa: PLC0415

    root = arguments.choose_workspace(directory)
    settings, _ = resolve(roots=(root,))
    limits = policies.build_index_limits(settings)
    if lists:
        _show(asyncio.run(_list(root, limits)), root, as_json=as_json)
        return 0
    outcome = asyncio.run(_undo(root, checkpoint, tuple(yes or ()), limits))
    if outcome.applied:
        terminal.note(f"Undone; to make the change again: starling undo {outcome.checkpoint}")
    if outcome.reason:
        terminal.note(outcome.reason)
    if as_json:
        terminal.emit(
            {
                "outcome": outcome.verdict.value,
                "reason": outcome.reason,
                "proposal": outcome.proposal,
                "checkpoint": outcome.checkpoint,
            }
        )
    return 0 if outcome.applied else FAILED


async def _undo(root: Path, checkpoint: str, yes: tuple[terminal_asker.Kind, ...], limits: IndexLimits) -> Outcome:
    """Ask at the terminal and undo the change of `checkpoint` ("" for the newest) in `root`; return the outcome."""
    from server.assembly.gates import make_disk_gate  # noqa: PLC0415 (SQLite)

    gate = make_disk_gate([root], terminal_asker.TerminalAsker(yes), limits)
    try:
        return await gate.undo(checkpoint)
    finally:
        await gate.close()


async def _list(root: Path, limits: IndexLimits) -> tuple[UndoableChange, ...]:
    """Return the `MOST_LISTED` newest changes in `root` that can be undone, newest first.

    Raises:
        Failure: the record cannot be read.
    """
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without it)
    from server.assembly.gates import make_disk_gate  # noqa: PLC0415 (SQLite)

    gate = make_disk_gate([root], terminal_asker.TerminalAsker(()), limits)
    try:
        return await gate.list_undoable(MOST_LISTED)
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        await gate.close()


def _show(changes: Sequence[UndoableChange], root: Path, *, as_json: bool) -> None:
    """Write the changes as a table with files named from `root`, or as one JSON object with whole paths."""
    from server.cli.team.counted_changes import join_names  # noqa: PLC0415 (as above)

    if as_json:
        terminal.emit({"changes": [dataclasses.asdict(one) for one in changes]})
        return
    if not changes:
        terminal.note("Nothing that Starling changed in this workspace is left to undo.")
        return
    rows = [
        (
            one.checkpoint[:8],
            terminal.format_time(one.created),
            one.session[:8] or "-",
            join_names([file.removeprefix(f"{root}{os.sep}") for file in one.files]),
            one.title,
        )
        for one in changes
    ]
    tables.show(COLUMNS, rows)
    terminal.note("To undo one: starling undo CHECKPOINT")
