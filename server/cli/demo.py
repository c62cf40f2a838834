"""`starling demo`: the tour that `make run` gives, in any workspace. Start at `demo`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from server.cli import place, terminal
from server.cli.terminal import Failure


def demo(
    *,
    directory: Annotated[
        Path, typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="here")
    ] = Path(),
) -> None:
    """Index a workspace and show completions in its files."""
    root = place.folder(directory)
    from server.cli.tour.tour import tour  # noqa: PLC0415 (pygls, which no other command needs)

    try:
        asyncio.run(tour(root, terminal.out()))
    except TimeoutError:
        raise Failure("the server did not answer in time; `starling doctor` says what works here.") from None
    except RuntimeError as error:
        raise Failure(f"the server ended early ({error}); `starling doctor` says what works here.") from None
