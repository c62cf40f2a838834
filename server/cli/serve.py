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

VALUED = ("--tcp", "--ws", "--token-file", "--login", "--tls-cert", "--tls-key")
FLAGS = ("--stdio", "--no-resident", "--allow-remote", "--behind-proxy")


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport of the server.

    Attributes:
        kind: "stdio", "tcp" or "ws"; the other attributes are for the last two.
        host: the host to listen on.
        port: the port.
        anywhere: whether the host may be reachable from other machines.
        token_file: the file with the token; "" for a new token at each start.
        login: host and port of the endpoints for logins, None for none.
        certificate: the file with the certificate for TLS, "" for none.
        key: the file with its private key, "" for none.
        behind_proxy: whether a reverse proxy ends TLS.
    """

    kind: str
    host: str = ""
    port: int = 0
    anywhere: bool = False
    token_file: str = ""
    login: tuple[str, int] | None = None
    certificate: str = ""
    key: str = ""
    behind_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `serve` for sockets, as they were given; None or false for those that were not."""

    tcp: str | None = None
    ws: str | None = None
    allow_remote: bool = False
    token_file: str | None = None
    login: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    behind_proxy: bool = False


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
    from server.lsp.serving.address import Address  # noqa: PLC0415

    address = Address(
        transport.host,
        transport.port,
        anywhere=transport.anywhere,
        token_file=Path(transport.token_file).absolute() if transport.token_file else None,
        login=transport.login,
        certificate=Path(transport.certificate).absolute() if transport.certificate else None,
        key=Path(transport.key).absolute() if transport.key else None,
        behind_proxy=transport.behind_proxy,
    )
    (sockets.serve_tcp if transport.kind == "tcp" else sockets.serve_ws)(address)


def choose_transport(options: Options, *, stdio: bool = False) -> Transport:
    """Return the transport that the options of `serve` ask for; stdio if none is given.

    Raises:
        Misuse: two transports are given, an address is wrong, other machines can reach it without `--allow-remote` and
            TLS, a file has no name, or options for sockets are given for stdio.
    """
    if sum((stdio, options.tcp is not None, options.ws is not None)) > 1:
        raise Misuse("--stdio, --tcp and --ws exclude each other; give one of them.")
    kind, text = ("tcp", options.tcp) if options.tcp is not None else ("ws", options.ws)
    _check_options(options, listens=text is not None)
    if text is None:
        return Transport("stdio")
    host, port = _parse_address(text, f"--{kind}", options)
    login = _parse_address(options.login, "--login", options) if options.login is not None else None
    return Transport(
        kind, host, port, anywhere=options.allow_remote, token_file=options.token_file or "", login=login,
        certificate=options.tls_cert or "", key=options.tls_key or "", behind_proxy=options.behind_proxy,
    )  # fmt: skip


def _check_options(options: Options, *, listens: bool) -> None:
    """Raise Misuse if options lack what they need or exclude each other; `listens` is whether a socket is served."""
    if options.token_file is not None and not (options.token_file and listens):
        raise Misuse("--token-file needs the name of a file, and --tcp or --ws.")
    if not listens and (options.login is not None or options.tls_cert is not None or options.behind_proxy):
        raise Misuse("--login, --tls-cert and --behind-proxy need --tcp or --ws.")
    if bool(options.tls_cert) != bool(options.tls_key):
        raise Misuse("TLS needs both --tls-cert FILE and --tls-key FILE.")
    if options.tls_cert and options.behind_proxy:
        raise Misuse("Either the server or a proxy ends TLS; give --tls-cert and --tls-key, or --behind-proxy.")


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
    options = Options(
        given.get("--tcp"), given.get("--ws"), "--allow-remote" in given, given.get("--token-file"),
        given.get("--login"), given.get("--tls-cert"), given.get("--tls-key"), "--behind-proxy" in given,
    )  # fmt: skip
    try:
        return choose_transport(options, stdio="--stdio" in given)
    except Failure:
        return None  # typer parses it again and reports the error


def _parse_address(text: str, option: str, options: Options) -> tuple[str, int]:
    """Return host and port of HOST:PORT, :PORT, PORT or [IPv6]:PORT; the host defaults to 127.0.0.1.

    Raises:
        Misuse: `text`, the value of `option`, has another form, or other machines can reach the host, and `options`
            have no `--allow-remote`, or no TLS and no proxy that ends it.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise Misuse(f"{option} takes HOST:PORT, such as 127.0.0.1:8765, but {text!r} was given.")
    if _is_loopback(host):
        return host, int(port)
    if not options.allow_remote:
        raise Misuse(
            f"{option} {text} could be reached from other machines; use 127.0.0.1, or add --allow-remote if that is "
            "what you want."
        )
    if not options.tls_cert and not options.behind_proxy:
        raise Misuse(
            f"{option} {text} could be reached from other machines, and tokens and your code would go over the network "
            "unencrypted; give --tls-cert FILE and --tls-key FILE, or --behind-proxy if a reverse proxy ends TLS."
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    """Return whether `host` is "localhost" or a loopback address; False for all other host names."""
    import ipaddress  # noqa: PLC0415 (only for sockets)

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a host name may resolve to any address
