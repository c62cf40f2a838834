"""`starling serve`: the language server on stdio, TCP or a WebSocket.

Imports only the standard library before the server, because an editor waits for the start. `parse_without_typer` parses
the usual command lines; typer parses all others, with its help and error messages. Start at `serve`.
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
FLAGS = ("--stdio", "--no-resident", "--allow-remote")


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport of the server.

    Attributes:
        kind: "stdio", "tcp" or "ws"; the other attributes are for the last two.
        host: the host to listen on.
        port: the port.
        anywhere: whether the host may be reachable from other machines.
        token_file: the file with the token; "" for a new token at each start.
    """

    kind: str
    host: str = ""
    port: int = 0
    anywhere: bool = False
    token_file: str = ""


def serve(transport: Transport) -> int:
    """Serve until the client leaves, or on sockets until a signal, then end the process.

    Returns, with the exit status 130, only if Ctrl-C interrupts it.

    Raises:
        Failure: the server cannot listen on the address.
    """
    gc.disable()  # imports leave no garbage, and looking for it would double the time of our own imports
    from server.assembly import log  # noqa: PLC0415 (`--help` starts without)
    from server.lsp.serving import stdio as transports  # noqa: PLC0415 (pygls)

    log.begin()
    try:
        if transport.kind != "stdio":
            _listen(transport)
        if sys.stdin is not None and sys.stdin.isatty():
            terminal.note(
                "This is a language server, which an editor starts. Ctrl-C ends it; starling --help lists the commands."
            )
        transports.serve_stdio()
    except KeyboardInterrupt:
        return 130
    except transports.ServeError as error:
        raise Failure(str(error)) from error
    finally:
        gc.enable()  # if serving never began; otherwise `server.lsp.serving.stdio` has enabled it


def _listen(transport: Transport) -> NoReturn:
    """Serve editors on TCP or a WebSocket, then end the process; never returns. Raises ServeError."""
    from pathlib import Path  # noqa: PLC0415 (as above)

    from server.lsp.serving import sockets  # noqa: PLC0415

    file = Path(transport.token_file).absolute() if transport.token_file else None
    address = sockets.Address(transport.host, transport.port, anywhere=transport.anywhere, token_file=file)
    (sockets.serve_tcp if transport.kind == "tcp" else sockets.serve_ws)(address)


def choose_transport(
    *, stdio: bool, tcp: str | None, ws: str | None, allow_remote: bool, token_file: str | None = None
) -> Transport:
    """Return the transport that the options of `serve` ask for; stdio if none is given.

    Raises:
        Misuse: two transports are given, the address is wrong, other machines can reach it without `allow_remote`, or
            a token file has no name or is given for stdio.
    """
    if sum((stdio, tcp is not None, ws is not None)) > 1:
        raise Misuse("--stdio, --tcp and --ws exclude each other; give one of them.")
    if token_file is not None and (not token_file or (tcp is None and ws is None)):
        raise Misuse("--token-file needs the name of a file, and --tcp or --ws.")
    for kind, text in (("tcp", tcp), ("ws", ws)):
        if text is not None:
            host, port = _parse_address(text, f"--{kind}", allow_remote=allow_remote)
            return Transport(kind, host, port, anywhere=allow_remote, token_file=token_file or "")
    return Transport("stdio")


def parse_without_typer(arguments: Sequence[str]) -> Transport | None:
    """Return the transport that a command line `serve ...` asks for.

    Returns None for another command, and for options that typer has to parse: unknown, wrong or `--help`.
    """
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
        return choose_transport(
            stdio="--stdio" in given,
            tcp=given.get("--tcp"),
            ws=given.get("--ws"),
            allow_remote="--allow-remote" in given,
            token_file=given.get("--token-file"),
        )
    except Failure:
        return None  # typer parses it again and reports the error


def _parse_address(text: str, option: str, *, allow_remote: bool) -> tuple[str, int]:
    """Return host and port of HOST:PORT, :PORT, PORT or [IPv6]:PORT; the host defaults to 127.0.0.1.

    Raises:
        Misuse: `text`, the value of `option`, has another form, or other machines can reach the host without
            `allow_remote`.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise Misuse(f"{option} takes HOST:PORT, such as 127.0.0.1:8765, but {text!r} was given.")
    if not allow_remote and not _is_loopback(host):
        raise Misuse(
            f"{option} {text} could be reached from other machines, and the token and your code would go over the "
            "network unencrypted; use 127.0.0.1, or add --allow-remote if that is what you want."
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    """Return whether `host` is "localhost" or a loopback address; False for all other host names."""
    import ipaddress  # noqa: PLC0415 (only for sockets)

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a host name may resolve to any address
