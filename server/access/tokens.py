"""Access tokens: JWTs signed with RS256, issued for an account and verified by issuer, audience, time and key.

Only RS256 is accepted, whatever a token's header says. Needs the extra `accounts`. Start at `TokenIssuer` and
`TokenVerifier`.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from server.access.keys import ALGORITHM, TOKEN_S
from server.access.records import TokenRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from server.access.keys import KeyRing
    from server.access.records import Account

AUDIENCE = "starling"  # of our own tokens
LONGEST = 8192  # characters of a token
LONGEST_CLAIM = 300  # characters of a subject or a key's id
LEEWAY_S = 30.0  # that the clocks of two machines may differ
SMALLEST_KEY_BITS = 2048
REQUIRED = ("iss", "aud", "exp", "sub")


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a verified token.

    Attributes:
        subject: whom it was issued for.
        expires: when it expires, seconds since the epoch.
    """

    subject: str
    expires: float


class TokenIssuer:
    """Issues access tokens in the name of `issuer`."""

    def __init__(self, issuer: str, keys: KeyRing, clock: Callable[[], float] = time.time) -> None:
        self.issuer = issuer
        self._keys = keys
        self._clock = clock

    def issue(self, account: Account) -> str:
        """Return a new access token for `account`, valid for `TOKEN_S` seconds. Blocking.

        Raises:
            StateError: the keys cannot be read or written.
        """
        name, key = self._keys.get_signing_key()
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": self.issuer, "aud": AUDIENCE, "sub": account.id, "iat": now, "nbf": now, "exp": now + int(TOKEN_S),
            "jti": uuid.uuid4().hex, "name": account.name, "role": account.role.value,
        }  # fmt: skip
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": name, "typ": "at+jwt"})


class TokenVerifier:
    """Verifies access tokens of one issuer for one audience.

    Args:
        issuer: the exact `iss` of its tokens.
        audience: a value that `aud` has to contain.
        find_key: returns the public key with an id, None if there is none; may block.
        requires_start: whether a token must have an `nbf`.
    """

    def __init__(
        self, issuer: str, audience: str, find_key: Callable[[str], RSAPublicKey | None], *, requires_start: bool
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._find_key = find_key
        self._required = [*REQUIRED, "nbf"] if requires_start else [*REQUIRED]

    def verify(self, text: str) -> Claims:
        """Return what the token `text` says, after all checks. Blocking.

        Raises:
            TokenRefused: it is no token of this issuer for this audience, or has expired, or is not valid yet.
            StateError: the keys cannot be read.
        """
        if len(text) > LONGEST or not text.isascii():
            raise TokenRefused("the access token is not a token")
        key = self._choose_key(text)
        try:
            claims = jwt.decode(
                text,
                key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": self._required},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefused("the access token has expired; refresh it, or log in again") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise TokenRefused("the access token is not valid for this server") from None
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_CLAIM:
            raise TokenRefused("the access token names no subject")
        return Claims(subject, float(claims["exp"]))

    def _choose_key(self, text: str) -> RSAPublicKey:
        """Return the key that the header of the token names. Raises as `verify`."""
        try:
            header = jwt.get_unverified_header(text)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise TokenRefused("the access token is not a token") from None
        name = header.get("kid")
        if header.get("alg") != ALGORITHM or "crit" in header:
            raise TokenRefused(f"the access token is not signed with {ALGORITHM}")
        if not isinstance(name, str) or len(name) > LONGEST_CLAIM:
            raise TokenRefused("the access token names no key")
        key = self._find_key(name)
        if key is None or key.key_size < SMALLEST_KEY_BITS:
            raise TokenRefused("the access token was signed with a key that is not known here, or not any more")
        return key
