"""`starling mcp`: reading tools for a program that speaks the Model Context Protocol. Start at `mcp`."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer

from server.cli import arguments, terminal
from server.cli.terminal import Failure

Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]


def mcp(*, directory: Directory = None) -> None:
    """Serve search and findings, read-only, over MCP (stdio)."""
    if importlib.util.find_spec("mcp") is None:
        raise Failure(
            "This command needs the package mcp, which is not installed; install Starling with the extra: "
            "uv tool install '.[mcp]' in its repository."
        )
    from server.lsp.serving import lifetime  # noqa: PLC0415 (`--help` starts without)
    from server.mcp import serving  # noqa: PLC0415 (a second, mostly for the protocol's types)

    root = arguments.resolve_folder(directory) if directory else arguments.find_workspace(Path())
    if sys.stdin is not None and sys.stdin.isatty():
        terminal.note(
            "This serves a program that starts it; in a terminal, use `starling search` or `starling review`."
        )
    asyncio.run(serving.serve(root, lifetime.set_deadline))
    lifetime.end(0)
