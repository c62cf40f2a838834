"""`starling mcp`: reading tools for a program that speaks the Model Context Protocol, and the person's own MCP servers.

Alone it serves; `list` and `check` are about the servers in the settings. Start at `serve`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import arguments, tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from agents.ports.mcp_servers import McpTools
    from server.assembly.settings import Settings
    from server.mcp_client.pool import ServerPool

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)

SERVERS = (Column("NAME", typed=True), *map(Column, ("STATE", "WHERE", "ABOUT")))
TOOLS = (Column("TOOL", typed=True), *map(Column, ("CALLS", "DESCRIPTION")))
CALLS = {"deny": "denied", "ask": "asked", "allow": "allowed"}
LONGEST_DESCRIPTION = 100

Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")]


@app.callback()
def serve(context: typer.Context, *, directory: Directory = None) -> None:
    """Serve search and findings over MCP (stdio), read-only."""
    if context.invoked_subcommand is not None:
        return
    if importlib.util.find_spec("mcp") is None:
        raise Failure(
            "This command needs the package mcp, which is not installed; install Starling with the extra: "
            "uv tool install '.[mcp]' in its repository."
        )
    from server.lsp.serving import lifetime  # noqa: PLC0415 (`--help` starts without)
    from server.mcp import serving  # noqa: PLC0415 (a second, mostly for the protocol's types)

    root = arguments.choose_workspace(directory)
    if sys.stdin is not None and sys.stdin.isatty():
        terminal.note(
            "This serves a program that starts it; in a terminal, use `starling search` or `starling review`."
        )
    asyncio.run(serving.serve(root, lifetime.set_deadline))
    lifetime.end(0)


@app.command("list")
def list_servers(*, directory: Directory = None, as_json: AsJson = False) -> None:
    """List your own MCP servers, whose tools agents may call; starts none."""
    settings = _resolve_settings(directory)
    active = settings.mcp.active
    found = [
        {
            "name": name,
            "state": "on" if name in active else "disabled" if one.disabled else "off",
            "where": one.url or one.command,
            "about": one.about,
        }
        for name, one in settings.mcp.servers.items()
    ]
    if as_json:
        terminal.emit({"servers": found})
    elif found:
        tables.show(SERVERS, [tuple(one.values()) for one in found])
    else:
        terminal.note("There are no MCP servers in your settings; add a table `[mcp.servers.NAME]`.")


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="A server's name in the settings.")],
    *,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Start one of your MCP servers, list its tools, end it."""
    from server.assembly.mcp_servers.server_settings import build_pool  # noqa: PLC0415 (`--help` starts without)

    settings = _resolve_settings(directory)
    if name not in settings.mcp.active:
        known = settings.mcp.servers
        off = "is turned off." if name in known else f"is not in your settings.{terminal.suggest_names(name, known)}"
        raise Failure(f"The MCP server {name} {off}")
    root = arguments.choose_workspace(directory)
    pool = build_pool(settings.mcp, root)
    assert pool is not None  # noqa: S101 (one server is active)
    begun = time.monotonic()
    try:
        said, tools = asyncio.run(_query_server(pool, name))
    finally:
        pool.close()
    rows = [(one.name, _find_effect(settings, name, one.name), one.problem or one.description) for one in tools.tools]
    if as_json:
        listed = [{"name": tool, "calls": calls, "description": text} for tool, calls, text in rows]
        terminal.emit({"server": name, "says": said, "tools": listed, "left_out": tools.left_out})
        return
    tables.show(TOOLS, [(tool, calls, _shorten(text)) for tool, calls, text in rows])
    left_out = f", {tools.left_out:,} left out" if tools.left_out else ""
    count = terminal.format_count(len(rows), "tool")
    terminal.note(f"{name} ({terminal.escape(said)}): {count}{left_out}, in {time.monotonic() - begun:.1f} s.")


async def _query_server(pool: ServerPool, name: str) -> tuple[str, McpTools]:
    """Start the server `name` and return its own name and its tools.

    Raises:
        Failure: it does not start or answer; with the end of what it wrote to stderr.
    """
    from agents.ports.mcp_servers import McpFailed  # noqa: PLC0415 (as above)

    try:
        return await pool.describe(name), await pool.list_tools(name)
    except McpFailed as error:
        errors = pool.read_errors(name)
        raise Failure(f"{error}\nIt wrote:\n{terminal.escape(errors)}" if errors else str(error)) from error


def _resolve_settings(directory: Path | None) -> Settings:
    """Return the settings in force in a workspace; writes their problems to stderr."""
    from server.assembly.settings import resolve  # noqa: PLC0415 (pydantic, which `--help` starts without)

    root = arguments.choose_workspace(directory)
    settings, problems = resolve(roots=[root])
    for problem in problems:
        terminal.note(str(problem))
    return settings


def _find_effect(settings: Settings, server: str, tool: str) -> str:
    """Return what happens when an agent calls a tool: "asked", "allowed" or "denied"."""
    from agents.ports.mcp_servers import McpCall  # noqa: PLC0415 (as above)
    from server.assembly.policies import build_rules  # noqa: PLC0415 (as above)

    rule = build_rules(settings).find(McpCall(server, tool, {}).identity)
    return CALLS["ask" if rule is None else rule.effect.value]


def _shorten(text: Any) -> str:  # noqa: ANN401 (a server's description)
    """Return a description as one line, cut to `LONGEST_DESCRIPTION` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST_DESCRIPTION else f"{line[: LONGEST_DESCRIPTION - 1]}…"
