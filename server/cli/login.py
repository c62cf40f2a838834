"""`starling login`: logs in at a server with accounts, and shows access tokens for editors. Start at `login`."""

from __future__ import annotations

import getpass
import ssl
import sys
import time
from pathlib import Path  # noqa: TC003 (typer reads it)
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import terminal
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from server.access.login_client import Tokens
    from server.state.access.login_files import LoginFiles

FRESH_S = 60.0  # that an access token has to be valid, to be shown


def login(  # noqa: PLR0913 (its options)
    url: Annotated[str, typer.Argument(metavar="URL", help="The server's address for logins, https://HOST:PORT.")],
    *,
    user: Annotated[str, typer.Option("--user", "-u", metavar="NAME", help="The login name.", show_default=False)] = "",
    client: Annotated[
        bool, typer.Option("--client", help="Log in as a program: the secret comes from a pipe; nothing is stored.")
    ] = False,
    token: Annotated[
        bool, typer.Option("--token", help="Write an access token on stdout, refreshed if needed; do not log in.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Log out, and forget the login.")] = False,
    authority: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="Trust the certificates in this PEM file.")
    ] = None,
) -> None:
    """Log in at a server. Asks for the password; keeps the tokens in the system's keyring or in a private file."""
    from server.access.login_client import LoginFailed  # noqa: PLC0415 (httpx2, used only here)
    from server.state.access.login_files import LoginFiles  # noqa: PLC0415

    trusted = read_authority(authority)
    url = url.rstrip("/")
    try:
        if token:
            sys.stdout.write(f"{find_token(url, trusted)}\n")
            return
        if client:
            sys.stdout.write(f"{_log_in_program(url, user, trusted)}\n")
            return
        files = LoginFiles(url)
        with files.lock():
            if remove:
                _log_out(url, files, trusted)
            else:
                _log_in(url, user, files, trusted)
    except LoginFailed as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"The login cannot be stored ({error.strerror or error}).") from error


def find_token(url: str, trusted: ssl.SSLContext | None) -> str:
    """Return an access token for the server at `url` that is valid for `FRESH_S` at least, refreshed if needed.

    Raises:
        LoginFailed: there is no login, the server refuses, or the new tokens cannot be stored.
    """
    from server.access.login_client import LoginFailed  # noqa: PLC0415 (as above)
    from server.state.access.login_files import LoginFiles  # noqa: PLC0415

    url = url.rstrip("/")
    files = LoginFiles(url)
    try:
        with files.lock():
            return _find_token(url, files, trusted)
    except OSError as error:
        raise LoginFailed(f"The login cannot be stored ({error.strerror or error}).") from error


def _log_in(url: str, user: str, files: LoginFiles, trusted: ssl.SSLContext | None) -> None:
    """Ask for name and password, log in, and store the tokens. Raises LoginFailed and OSError.

    From a pipe, the name is the first line if `user` is "", and the password the next one.
    """
    from server.access.login_client import request_tokens  # noqa: PLC0415 (as above)

    name = user or (input("Login name: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not name:
        raise Failure("A login needs a name; give --user NAME.")
    form = {"grant_type": "password", "username": name, "password": _read_secret(f"Password of {name} (not shown): ")}
    _store(files, request_tokens(url, form, trusted))
    terminal.note(f"{name} is logged in at {url}; the tokens are in {files.place}.")


def _log_in_program(url: str, user: str, trusted: ssl.SSLContext | None) -> str:
    """Return an access token for a program, whose secret is typed or comes from a pipe. Raises LoginFailed."""
    from server.access.login_client import request_tokens  # noqa: PLC0415 (as above)

    if not user:
        raise Failure("A program logs in with --user NAME.")
    form = {
        "grant_type": "client_credentials",
        "client_id": user,
        "client_secret": _read_secret("Secret (not shown): "),
    }
    return request_tokens(url, form, trusted).access


def _find_token(url: str, files: LoginFiles, trusted: ssl.SSLContext | None) -> str:
    """Return an access token that is valid for `FRESH_S` at least, refreshed if needed.

    Raises:
        LoginFailed, OSError: there is no login, the server refuses, or the new tokens cannot be stored.
    """
    from server.access.login_client import LoginNeededError, request_tokens  # noqa: PLC0415 (as above)

    stored = files.read()
    access, expires, refresh = (stored.get(name) for name in ("access", "expires", "refresh"))
    if isinstance(access, str) and isinstance(expires, int | float) and expires > time.time() + FRESH_S:
        return access
    if not isinstance(refresh, str) or not refresh:
        raise LoginNeededError(f"You are not logged in at {url}; run: starling login {url}")
    tokens = request_tokens(url, {"grant_type": "refresh_token", "refresh_token": refresh}, trusted)
    _store(files, tokens)
    return tokens.access


def _log_out(url: str, files: LoginFiles, trusted: ssl.SSLContext | None) -> None:
    """End the login at the server and forget it here; it is forgotten even if the server cannot be reached.

    Raises:
        LoginFailed: the server has not ended it.
        OSError: it cannot be forgotten.
    """
    from server.access.login_client import revoke  # noqa: PLC0415 (as above)

    refresh = files.read().get("refresh")
    files.remove()
    if not isinstance(refresh, str) or not refresh:
        raise Failure(f"You are not logged in at {url}.")
    revoke(url, refresh, trusted)
    terminal.note(f"You are logged out at {url}.")


def _store(files: LoginFiles, tokens: Tokens) -> None:
    """Store the tokens of a login. Raises OSError."""
    files.write({"access": tokens.access, "expires": tokens.expires, "refresh": tokens.refresh})


def _read_secret(prompt: str) -> str:
    """Return a secret: typed at the terminal without being shown, or the first line of a pipe."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def read_authority(file: Path | None) -> ssl.SSLContext | None:
    """Return a context that trusts the certificates in `file`; None without a file. Raises Failure."""
    if file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(file))
    except (OSError, ValueError) as error:
        raise Failure(f"{file} holds no certificates that can be read ({error}).") from error
