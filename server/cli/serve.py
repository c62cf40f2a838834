"""`starling serve`: the language server on stdio, TCP or a WebSocket.

Imports nothing but the standard library before the server itself: what an editor starts must answer at once. `plain`
reads the usual spellings without typer; whatever it does not know goes the long way, for help and error messages.
Start at `serve`.
"""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from server.cli import terminal
from server.cli.terminal import Failure, Misuse

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUED = ("--tcp", "--ws", "--token-file")
FLAGS = ("--stdio", "--allow-remote")


@dataclass(frozen=True, slots=True)
class Transport:
    """Where to serve: `kind` is "stdio", "tcp" or "ws"; the others count for the latter two.

    `token_file` is "" for a token that is made anew at each start.
    """

    kind: str
    host: str = ""
    port: int = 0
    anywhere: bool = False
    token_file: str = ""


def serve(transport: Transport) -> int:
    """Serve until the client leaves, which ends the process; returns only when interrupted, with the exit status.

    Raises:
        Failure: the address cannot be listened on.
    """
    gc.disable()  # what is imported stays; to look for garbage in between takes as long as our own part of it
    from server.assembly import log  # noqa: PLC0415 (`--help` needs none of these)
    from server.lsp.serving import stdio as transports  # noqa: PLC0415 (pygls)

    log.begin()
    try:
        if transport.kind != "stdio":
            _listen(transport)
        if sys.stdin is not None and sys.stdin.isatty():
            terminal.note("An editor starts this and speaks LSP with it; Ctrl-C ends it. For people: starling --help")
        transports.serve_stdio()
    except KeyboardInterrupt:
        return 130
    except transports.ServeError as error:
        raise Failure(str(error)) from error
    finally:
        gc.enable()  # if serving never began; else `server.lsp.serving.stdio` has done it


def _listen(transport: Transport) -> NoReturn:
    from pathlib import Path  # noqa: PLC0415 (as above)

    from server.lsp.serving import sockets  # noqa: PLC0415

    file = Path(transport.token_file).absolute() if transport.token_file else None
    address = sockets.Address(transport.host, transport.port, anywhere=transport.anywhere, token_file=file)
    (sockets.serve_tcp if transport.kind == "tcp" else sockets.serve_ws)(address)


def transport(
    *, stdio: bool, tcp: str | None, ws: str | None, allow_remote: bool, token_file: str | None = None
) -> Transport:
    """The transport that the options mean; stdio when none is given.

    Raises:
        Misuse: two transports, no address, one that others can reach without `allow_remote`, or a token for stdio.
    """
    if sum((stdio, tcp is not None, ws is not None)) > 1:
        raise Misuse("--stdio, --tcp and --ws exclude each other; give one of them.")
    if token_file is not None and (not token_file or (tcp is None and ws is None)):
        raise Misuse("--token-file takes the name of a file, and goes with --tcp or --ws.")
    for kind, text in (("tcp", tcp), ("ws", ws)):
        if text is not None:
            host, port = _address(text, f"--{kind}", allow_remote=allow_remote)
            return Transport(kind, host, port, anywhere=allow_remote, token_file=token_file or "")
    return Transport("stdio")


def plain(arguments: Sequence[str]) -> Transport | None:
    """The transport that `serve ...` asks for, read without typer; None when this is another or no plain command."""
    if not arguments or arguments[0] != "serve":
        return None
    given: dict[str, str | None] = {}
    rest = list(arguments[1:])
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        if option in FLAGS and not equals:
            given[option] = None
        elif option in VALUED and (equals or rest):
            given[option] = value if equals else rest.pop(0)
        else:
            return None
    try:
        return transport(
            stdio="--stdio" in given,
            tcp=given.get("--tcp"),
            ws=given.get("--ws"),
            allow_remote="--allow-remote" in given,
            token_file=given.get("--token-file"),
        )
    except Failure:
        return None  # the long way says what is wrong


def _address(text: str, option: str, *, allow_remote: bool) -> tuple[str, int]:
    """HOST:PORT, :PORT, PORT or [IPv6]:PORT."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise Misuse(f"{option} takes HOST:PORT, such as 127.0.0.1:8765; {text!r} is none.")
    if not allow_remote and not _is_loopback(host):
        raise Misuse(
            f"{option} {text} could be reached from other machines, and the token and your code would go over the "
            "network unencrypted; use 127.0.0.1, or say --allow-remote if that is what you want."
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    import ipaddress  # noqa: PLC0415 (only for sockets; stdio starts without it)

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name may mean anything
