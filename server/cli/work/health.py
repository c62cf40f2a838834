"""`starling health`: tells a service manager whether a worker of a workspace is alive. Start at `health`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli import arguments, terminal
from server.cli.terminal import Failure

WITHIN_S = 60.0

Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]


def health(
    *,
    directory: Directory = None,
    within_s: Annotated[
        float, typer.Option("--within", metavar="SECONDS", min=1, help="Greatest age of the sign of life.")
    ] = WITHIN_S,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Check that a worker is alive; the exit status is 1 if none is.

    A worker gives a sign of life every 10 seconds while it can read the queue.
    """
    from server.work.life_signs import LifeSigns  # noqa: PLC0415 (`--help` starts without)

    root = arguments.choose_workspace(directory)
    sign = LifeSigns(root.as_uri()).find_newest()
    if sign is None:
        raise Failure(f"No worker of {root} has given a sign of life; start one: starling work --watch")
    if abs(sign.age_s) > within_s:
        how = f"{sign.age_s:.0f} s ago" if sign.age_s > 0 else f"{-sign.age_s:.0f} s ahead of the clock"
        raise Failure(
            f"The last sign of life of a worker of {root} was {how}, from process {sign.process}: "
            "it hangs, has ended, or cannot read the queue. See what it wrote, then start it again."
        )
    if as_json:
        terminal.emit({"ok": True, "process": sign.process, "age_s": round(sign.age_s, 1)})
    else:
        terminal.note(f"a worker gave a sign of life {max(sign.age_s, 0):.0f} s ago (process {sign.process}).")
