"""`starling undo`: take back a change that was approved, after a look at the diff and a yes. Start at `undo`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import confirming, place, terminal

if TYPE_CHECKING:
    from indexing.limits import IndexLimits
    from server.gate.ports import Outcome

FAILED = 1


def undo(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="Its checkpoint.", show_default="the last change here")
    ] = "",
    *,
    yes: confirming.Yes = None,
    directory: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> int:
    """Take back a change that Starling made here or in an editor. Every byte is as it was before."""
    from server.assembly import policies  # noqa: PLC0415 (what --help need not pay)
    from server.assembly.settings import resolve  # noqa: PLC0415

    root = place.folder(directory) if directory else place.workspace_of(Path())
    settings, _ = resolve(roots=(root,))
    outcome = asyncio.run(_undone(root, checkpoint, tuple(yes or ()), policies.index_limits_of(settings)))
    if outcome.applied:
        terminal.note(f"Taken back; to have it again: starling undo {outcome.checkpoint}")
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


async def _undone(root: Path, checkpoint: str, yes: tuple[confirming.Kind, ...], limits: IndexLimits) -> Outcome:
    from server.assembly.gates import for_disk  # noqa: PLC0415 (SQLite)

    gate = for_disk([root], confirming.TerminalAsker(yes), limits)
    try:
        return await gate.undo(checkpoint)
    finally:
        await gate.close()
