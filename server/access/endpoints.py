"""The HTTP endpoints of accounts: `/token`, `/revoke`, `/.well-known/jwks.json` and `/health`.

Web pages get no answer: a request with an `Origin` is refused. Start at `Endpoints.answer`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus

from agents.ports.failures import StateError
from server.access.http_server import HttpAnswer
from server.access.rate_limits import RateLimit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.access.grants import TokenEndpoint
    from server.access.http_server import HttpRequest
    from server.access.keys import KeyRing

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 20
PER_MINUTE = 120  # requests of one address, for all endpoints
PATHS = {"/token": "POST", "/revoke": "POST", "/.well-known/jwks.json": "GET", "/health": "GET"}
_INVALID = HttpAnswer(400, {"error": "invalid_request"})


class Endpoints:
    """The endpoints of one server."""

    def __init__(self, tokens: TokenEndpoint, keys: KeyRing) -> None:
        self._tokens = tokens
        self._keys = keys
        self._limit = RateLimit(PER_MINUTE, PER_MINUTE)

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """Return the answer to `request`; an unknown path, a wrong method and a web page get an error."""
        if (refusal := self._find_refusal(request)) is not None:
            return refusal
        if request.method == "POST":
            return await self._take_form(request)
        try:
            keys = await asyncio.to_thread(self._keys.list_public_keys)
        except StateError:
            return HttpAnswer(503, {"status": "failing", "state": "cannot be read"})
        return HttpAnswer(200, keys if request.path != "/health" else {"status": "ok"})

    def _find_refusal(self, request: HttpRequest) -> HttpAnswer | None:
        """Return the error for a request that must not be answered, None for one that may be."""
        if wait_s := self._limit.take(request.address):
            return HttpAnswer(429, {"error": "slow_down"}, (_say_wait(wait_s),))
        method = PATHS.get(request.path)
        if method is None:
            return HttpAnswer(404, {"error": "not_found"})
        if request.method != method:
            return HttpAnswer(405, {"error": "invalid_request"}, (("allow", method),))
        if "origin" in request.headers:
            return HttpAnswer(403, {"error": "forbidden", "error_description": "web pages are not answered"})
        return None

    async def _take_form(self, request: HttpRequest) -> HttpAnswer:
        """Return the answer to a request with a form."""
        form = parse_form(request)
        if form is None:
            return _INVALID
        if request.path == "/revoke":
            try:
                await self._tokens.revoke(form.get("token", ""))
            except StateError:
                return HttpAnswer(503, {"error": "temporarily_unavailable"})
            return HttpAnswer(200, {})
        granted = await self._tokens.answer(form, request.address)
        headers = (_say_wait(granted.wait_s),) if granted.wait_s else ()
        if granted.status == 401:
            headers = (*headers, ("www-authenticate", 'Basic realm="starling"'))
        return HttpAnswer(granted.status, granted.body, headers)


def parse_form(request: HttpRequest) -> Mapping[str, str] | None:
    """Return the fields of a form, with the id and secret of an `Authorization: Basic` header.

    Returns None for another content type, for a field that comes twice, and for what is no form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return None
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError:  # also of the encoding
        return None
    basic = _read_basic(request.headers.get("authorization", ""))
    if basic is None:
        return None
    pairs += basic
    form = dict(pairs)
    return form if len(form) == len(pairs) else None


def _read_basic(header: str) -> list[tuple[str, str]] | None:
    """Return `client_id` and `client_secret` of the header; [] without a header, None for a malformed or other one."""
    if not header:
        return []
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return [("client_id", unquote_plus(name)), ("client_secret", unquote_plus(secret))] if colon else None


def _say_wait(wait_s: float) -> tuple[str, str]:
    """Return the header that names the seconds to wait."""
    return "retry-after", str(math.ceil(wait_s))
