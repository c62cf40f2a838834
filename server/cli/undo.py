"""`starling undo`: undoes a change of Starling after showing the diff and asking. Start at `undo`."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import arguments, terminal, terminal_asker

if TYPE_CHECKING:
    from indexing.limits import IndexLimits
    from server.gate.ports import Outcome

FAILED = 1


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
    yes: terminal_asker.Yes = None,
    directory: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> int:
    """Undo a change that Starling made here or in an editor. Every byte is restored."""
    from server.assembly import policies  # noqa: PLC0415 (`--help` starts without it)
    from server.assembly.settings import resolve  # noqa: PLC0415

    root = arguments.choose_workspace(directory)
    settings, _ = resolve(roots=(root,))
    outcome = asyncio.run(_undo(root, checkpoint, tuple(yes or ()), policies.build_index_limits(settings)))
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
