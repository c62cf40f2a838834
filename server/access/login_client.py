"""Logs in at a server with accounts and refreshes access tokens, for the command line.

Sends secrets to https addresses only, or to this machine; follows no redirects. Start at `request_tokens`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

from server.access.addresses import is_safe_address
from server.access.connection_errors import describe_connection_error, is_wrong_certificate

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

TIMEOUT_S = 30.0
MOST_BYTES = 65_536


class LoginFailed(Exception):  # noqa: N818 (an answer, not a fault of the program)
    """The server grants no token; the message says why and what to do."""


class LoginUnavailableError(LoginFailed):
    """The server gives no answer at this time; a later try may succeed."""


class LoginNeededError(LoginFailed):
    """There is no login, or it has ended: a person has to log in."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a login.

    Attributes:
        access: the access token.
        expires: when it expires, seconds since the epoch.
        refresh: the refresh token, "" for none.
    """

    access: str = field(repr=False)
    expires: float
    refresh: str = field(repr=False)


def request_tokens(url: str, form: Mapping[str, str], trusted: ssl.SSLContext | None = None) -> Tokens:
    """Send `form` to the token endpoint of the server at `url`, and return the tokens.

    Args:
        url: the address for logins.
        form: the fields of the grant.
        trusted: the certificates to trust; None for those of the system.

    Raises:
        LoginFailed: the address is not safe or cannot be reached, or the server refuses.
        LoginUnavailableError: it cannot be reached, or cannot answer, at this time.
        LoginNeededError: the server refuses a refresh token.
    """
    status, body = _post(url, "/token", form, trusted)
    if status == 200:
        access, lifetime_s, refresh = body.get("access_token"), body.get("expires_in"), body.get("refresh_token", "")
        if isinstance(access, str) and isinstance(lifetime_s, int) and isinstance(refresh, str):
            return Tokens(access, time.time() + lifetime_s, refresh)
        raise LoginFailed(f"{url} answers with no token; is it Starling's address for logins?")
    if status == 429:
        raise LoginUnavailableError("There were too many tries; wait some minutes, then log in again.")
    if status >= 500:
        raise LoginUnavailableError(f"{url} cannot answer now (status {status}); try again later.")
    if form.get("grant_type") == "refresh_token" and status in {400, 401}:
        raise LoginNeededError(f"Your login at {url} has ended or expired; to log in again, run: starling login {url}")
    said = body.get("error_description") or body.get("error") or f"status {status}"
    raise LoginFailed(f"The server refuses: {str(said)[:200]}.")


def revoke(url: str, refresh: str, trusted: ssl.SSLContext | None = None) -> None:
    """End the login that a `refresh` token belongs to. Raises LoginFailed."""
    status, _ = _post(url, "/revoke", {"token": refresh}, trusted)
    if status != 200:
        raise LoginFailed(f"The server answers with the status {status}; the login may still be valid there.")


def _post(
    url: str, path: str, form: Mapping[str, str], trusted: ssl.SSLContext | None
) -> tuple[int, Mapping[str, Any]]:
    """Return status and JSON object of the answer to a form; {} for any other body. Raises LoginFailed."""
    if not is_safe_address(url):
        raise LoginFailed(f"{url} is no https address, so no password is sent there.")
    try:
        with (
            httpx2.Client(timeout=TIMEOUT_S, verify=True if trusted is None else trusted) as client,
            client.stream("POST", url.rstrip("/") + path, data=dict(form)) as response,
        ):
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    raise LoginFailed(f"{url} answers with too much; is it Starling's address for logins?")
            status = response.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        kind = LoginFailed if is_wrong_certificate(error) else LoginUnavailableError
        raise kind(describe_connection_error(url, error)) from error
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = {}
    return status, body if isinstance(body, dict) else {}
