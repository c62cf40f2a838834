"""The keys of an external issuer (OpenID Connect), read from the address in its discovery document.

Reads them at the first token, again after an hour, and for an unknown key at most once a minute. If the issuer cannot
be reached, the keys that were read before are used for up to a day. Blocking. Start at `ExternalIssuer.find_key`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from server.access.addresses import is_safe_address
from server.access.keys import ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_S = 10.0
MOST_BYTES = 262_144
MOST_KEYS = 50
FRESH_S = 3600.0
KEPT_S = 24 * 3600.0
RETRY_S = 60.0


class IssuerError(Exception):
    """The issuer cannot be asked, or its answer cannot be used; the message says why."""


class ExternalIssuer:
    """The keys of the issuer with the address `issuer`; for any thread."""

    def __init__(
        self, issuer: str, fetch: Callable[[str], bytes] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Store the address; `fetch` returns what is at an address, by default over HTTP."""
        self._issuer = issuer
        self._fetch = fetch or fetch_document
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, RSAPublicKey] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    def find_key(self, identity: str) -> RSAPublicKey | None:
        """Return the public key with the id `identity`, None if the issuer has none, or cannot be reached for a day."""
        with self._lock:
            now = self._clock()
            age = now - self._read_at
            if (age >= FRESH_S or identity not in self._keys) and now - self._tried_at >= RETRY_S:
                self._tried_at = now
                try:
                    self._keys, self._read_at = self._read_keys(), now
                except IssuerError as error:
                    logger.warning("the keys of %s cannot be read: %s", self._issuer, error)
            return self._keys.get(identity) if now - self._read_at < KEPT_S else None

    def _read_keys(self) -> dict[str, RSAPublicKey]:
        """Return the issuer's RSA keys for signatures by their ids. Raises IssuerError."""
        found = _parse_object(self._fetch(self._issuer.rstrip("/") + DISCOVERY))
        address = found.get("jwks_uri")
        if found.get("issuer") != self._issuer:
            raise IssuerError("its discovery document names another issuer")
        if not isinstance(address, str) or not is_safe_address(address):
            raise IssuerError("its discovery document names no https address for keys")
        listed = _parse_object(self._fetch(address)).get("keys")
        if not isinstance(listed, list):
            raise IssuerError("there are no keys")
        keys = {}
        for one in listed[:MOST_KEYS]:
            if isinstance(one, dict) and (key := _parse_key(one)) is not None:
                keys[one["kid"]] = key
        return keys


def fetch_document(address: str) -> bytes:
    """Return what is at `address`, at most `MOST_BYTES`; follows no redirects. Raises IssuerError."""
    body = bytearray()
    try:
        with httpx2.Client(timeout=TIMEOUT_S) as client, client.stream("GET", address) as response:
            if response.status_code != 200:
                raise IssuerError(f"{address} answers with the status {response.status_code}")
            begun = time.monotonic()
            for part in response.iter_bytes():
                body += part
                if len(body) > MOST_BYTES or time.monotonic() - begun > TIMEOUT_S:
                    raise IssuerError(f"the answer of {address} is too large or too slow")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise IssuerError(f"{address} cannot be reached ({error})") from error
    return bytes(body)


def _parse_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object in `text`. Raises IssuerError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise IssuerError("its answer is no JSON") from None
    if not isinstance(found, dict):
        raise IssuerError("its answer is no JSON object")
    return found


def _parse_key(entry: dict[str, Any]) -> RSAPublicKey | None:
    """Return the RSA key of an entry of a JWKS; None for keys of other kinds and uses, and for malformed ones."""
    kid, use, algorithm = entry.get("kid"), entry.get("use", "sig"), entry.get("alg", ALGORITHM)
    if entry.get("kty") != "RSA" or not isinstance(kid, str) or use != "sig" or algorithm != ALGORITHM or "d" in entry:
        return None
    try:
        key = jwt.PyJWK(entry, ALGORITHM).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, RSAPublicKey) else None
