"""The server that a bridge leads to: how to connect to it, and why that fails. Start at `open_connection`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from server.access.addresses import is_safe_address
from server.access.connection_errors import describe_connection_error, is_wrong_certificate
from server.access.login_client import LoginFailed, LoginNeededError, LoginUnavailableError
from server.lsp.serving.uri_maps import UriMaps
from server.lsp.wire import framing

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

OPEN_S = 20.0
CLOSE_S = 5.0
LATER = frozenset({408, 429, 500, 502, 503, 504})  # statuses of a server or proxy that may serve a little later
SUBPROTOCOL = Subprotocol("lsp")
NEEDS_LOGIN, UNREACHABLE, REFUSED = "login-needed", "unreachable", "refused"


class BridgeError(Exception):
    """The server cannot be used; the message says why and what to do.

    Attributes:
        code: why, for programs: `NEEDS_LOGIN`, `UNREACHABLE` or `REFUSED`.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class UnreachableError(BridgeError):
    """The server cannot be reached at this time; a later try may succeed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Target:
    """The server of a bridge.

    Attributes:
        url: the address of the WebSocket.
        find_token: returns an access token; blocking; raises LoginFailed.
        trusted: the certificates to trust; None for those of the system.
        maps: the mapped folders.
    """

    url: str
    find_token: Callable[[], str]
    trusted: ssl.SSLContext | None = None
    maps: UriMaps = UriMaps()  # noqa: RUF009 (has no state that changes)


def is_safe_url(url: str) -> bool:
    """Return whether `url` is a wss address, or a ws address of this machine."""
    scheme, colon, rest = url.partition(":")
    names = {"wss": "https", "ws": "http"}
    return bool(colon) and scheme in names and is_safe_address(f"{names[scheme]}:{rest}")


async def find_token(target: Target) -> str:
    """Return an access token for the server. Raises BridgeError."""
    try:
        return await asyncio.to_thread(target.find_token)
    except LoginUnavailableError as error:
        raise UnreachableError(str(error)) from error
    except LoginFailed as error:
        raise BridgeError(str(error), NEEDS_LOGIN if isinstance(error, LoginNeededError) else REFUSED) from error


async def open_connection(target: Target) -> ClientConnection:
    """Return a new connection with the server. Raises BridgeError."""
    url, token = target.url, await find_token(target)
    opening = connect(
        url,
        additional_headers={"Authorization": f"Bearer {token}"},
        subprotocols=[SUBPROTOCOL],
        compression=None,
        max_size=framing.MAX_BODY_BYTES,
        open_timeout=OPEN_S,
        close_timeout=CLOSE_S,
        ssl=(target.trusted or True) if url.startswith("wss:") else None,
    )
    try:
        return await opening
    except InvalidStatus as error:
        raise _explain_status(url, error) from error
    except (OSError, TimeoutError, WebSocketException, ValueError) as error:
        said = describe_connection_error(url, error)
        raise (BridgeError(said, REFUSED) if is_wrong_certificate(error) else UnreachableError(said)) from error


def _explain_status(url: str, error: InvalidStatus) -> BridgeError:
    """Return the failure of a connection that was answered with an HTTP error."""
    status = error.response.status_code
    said = (error.response.body or b"").decode("utf-8", "replace").strip()[:300].rstrip(".") or f"status {status}"
    if status in LATER:
        return UnreachableError(f"{url} cannot serve now ({said}); try again later.")
    if status == HTTPStatus.UNAUTHORIZED:
        return BridgeError(f"{url} refuses the login ({said}); log in again, or ask whoever runs it.", NEEDS_LOGIN)
    return BridgeError(f"{url} refuses: {said}.", REFUSED)
