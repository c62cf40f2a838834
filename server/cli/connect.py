"""`starling connect`: lets an editor use a server with accounts as if it ran here. Start at `connect`."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 (typer reads it)
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
) -> None:
    """Connect an editor to a server with accounts. The editor starts this."""
    from server.lsp.serving import lifetime  # noqa: PLC0415 (websockets)
    from server.lsp.serving.bridge import BridgeError, is_safe_url, run_bridge  # noqa: PLC0415

    if not is_safe_url(url):
        raise Misuse(f"{url} is no wss address, so no token is sent there.")
    trusted = read_authority(authority)
    token = find_token(logins, trusted)
    try:
        asyncio.run(run_bridge(url, token, trusted))
    except BridgeError as error:
        raise Failure(str(error)) from error
    except KeyboardInterrupt:
        lifetime.end(130)
    lifetime.end(0)  # without the thread that still reads the input
