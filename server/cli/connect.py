"""`starling connect`: lets an editor use a server with accounts as if it ran here. Start at `connect`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from server.cli.login import find_token, read_authority
from server.cli.terminal import Failure, Misuse


def connect(
    url: Annotated[str, typer.Argument(metavar="URL", help="The server's WebSocket, wss://HOST:PORT.")],
    *,
    logins: Annotated[str, typer.Option("--login", metavar="URL", help="Where you have logged in, https://HOST:PORT.")],
    authority: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="Trust the certificates in this PEM file.")
    ] = None,
    folders: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="HERE=THERE", help="A folder here, and the same one on the server; repeatable."),
    ] = None,
) -> None:
    """Connect an editor to a server with accounts. The editor starts this."""
    from server.lsp.serving import lifetime  # noqa: PLC0415 (websockets)
    from server.lsp.serving.bridge import run_bridge  # noqa: PLC0415 (as above)
    from server.lsp.serving.remote_server import BridgeError, Target, is_safe_url  # noqa: PLC0415 (as above)
    from server.lsp.serving.uri_maps import MapError, parse_maps  # noqa: PLC0415 (as above)

    if not is_safe_url(url):
        raise Misuse(f"{url} is no wss address, so no token is sent there.")
    try:
        maps = parse_maps(_expand_home(text) for text in folders or ())
    except MapError as error:
        raise Misuse(str(error)) from error
    trusted = read_authority(authority)
    try:
        asyncio.run(run_bridge(Target(url, lambda: find_token(logins, trusted), trusted, maps)))
    except BridgeError as error:
        raise Failure(str(error)) from error
    except KeyboardInterrupt:
        lifetime.end(130)
    lifetime.end(0)  # without the thread that still reads the input


def _expand_home(text: str) -> str:
    """Return the map `text` with the home folder in place of a "~" at its beginning."""
    return str(Path.home()) + text[1:] if text.startswith(("~/", "~\\")) else text
