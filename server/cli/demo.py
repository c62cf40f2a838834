"""`starling demo`: the tour of `make run`, in any workspace. Start at `demo`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from server.cli import arguments, terminal
from server.cli.terminal import Failure


def demo(
    *,
    directory: Annotated[
        Path, typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="here")
    ] = Path(),
) -> None:
    """Index a workspace and show completions in its files."""
    root = arguments.resolve_folder(directory)
    from server.cli.tour.tour import run_tour  # noqa: PLC0415 (imports pygls, which no other command needs)

    try:
        asyncio.run(run_tour(root, terminal.get_stdout()))
    except TimeoutError:
        raise Failure("the server did not answer in time; `starling doctor` says what works here.") from None
    except RuntimeError as error:
        raise Failure(f"the server ended early ({error}); `starling doctor` says what works here.") from None
