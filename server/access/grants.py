"""The grants of the token endpoint: a password, a refresh token, or the credentials of a program for an access token.

An unknown name, a wrong password and a disabled account get the same answer after the same work. A refresh token works
once and comes with the next one. Needs the extra `accounts`. Start at `TokenEndpoint.answer`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.ports.failures import StateError
from server.access.attempts import group_address
from server.access.keys import TOKEN_S
from server.access.rate_limits import RateLimit
from server.access.records import Kind, RefreshToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.access.attempts import LoginGuard
    from server.access.passwords import Passwords
    from server.access.records import Account, Accounts, RefreshTokens
    from server.access.tokens import TokenIssuer

logger = logging.getLogger(__name__)

REFRESHES_S = 14 * 24 * 3600.0  # that a refresh token can be used
FAMILY_S = 90 * 24 * 3600.0  # after a login, a person has to log in again
TOKEN_BYTES = 32
LONGEST_NAME = 200  # characters of a name that is looked up
THREADS = 2  # password checks at once, each with 64 MB
MOST_WAITING = 32  # password checks that wait for these
PER_MINUTE = 60  # requests of one address
PER_MINUTE_OF_NAME = 30  # logins of one name at one address


@dataclass(frozen=True, slots=True)
class GrantAnswer:
    """The answer to a request for a token.

    Attributes:
        status: the HTTP status.
        body: the JSON object to send.
        wait_s: seconds after which the client may try again, 0 if that is not said.
    """

    status: int
    body: Mapping[str, Any] = field(repr=False)
    wait_s: float = 0.0


class TokenEndpoint:
    """Answers requests for tokens; used on one event loop."""

    def __init__(  # noqa: PLR0913, PLR0917 (its ports)
        self,
        accounts: Accounts,
        refresh_tokens: RefreshTokens,
        guard: LoginGuard,
        passwords: Passwords,
        issuer: TokenIssuer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._accounts = accounts
        self._refresh_tokens = refresh_tokens
        self._guard = guard
        self._passwords = passwords
        self._issuer = issuer
        self._clock = clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="logins")
        self._waiting = 0
        self._of_address = RateLimit(PER_MINUTE, PER_MINUTE)
        self._of_name = RateLimit(PER_MINUTE_OF_NAME, PER_MINUTE_OF_NAME)

    async def answer(self, form: Mapping[str, str], address: str) -> GrantAnswer:
        """Return the answer to a request with the fields `form` from `address`, as RFC 6749 has it.

        Too many requests get the status 429, too many at the same time 503.
        """
        if wait_s := self._of_address.take(group_address(address)):
            return _slow_down(wait_s)
        try:
            return await self._grant_requested(form, address)
        except StateError as error:
            logger.warning("a login could not be answered: %s", error)
            return GrantAnswer(503, {"error": "temporarily_unavailable"}, 10.0)

    async def revoke(self, token: str) -> None:
        """End the family of a refresh `token`; do nothing for any other text. Raises StateError."""
        await asyncio.to_thread(self._refresh_tokens.end_family, hash_token(token))

    def close(self) -> None:
        """End the threads, without waiting for checks under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _grant_requested(self, form: Mapping[str, str], address: str) -> GrantAnswer:
        """Return the answer of the grant that `form` names; an error for one that does not exist. Raises StateError."""
        match form.get("grant_type", ""):
            case "password":
                return await self._log_in(form.get("username", ""), form.get("password", ""), address, Kind.PERSON)
            case "client_credentials":
                given = form.get("client_id", ""), form.get("client_secret", "")
                return await self._log_in(*given, address, Kind.CLIENT)
            case "refresh_token":
                return await self._refresh(form.get("refresh_token", ""))
            case "":
                return _refuse("invalid_request", "grant_type is missing")
            case _:
                return _refuse(
                    "unsupported_grant_type", "the grants are password, refresh_token and client_credentials"
                )

    async def _log_in(self, name: str, password: str, address: str, kind: Kind) -> GrantAnswer:
        """Answer the password grant of a person, or the credentials of a program."""
        name = name.strip().lower()[:LONGEST_NAME]
        if not name or not password:
            return _refuse("invalid_request", "a name and a password, or an id and a secret, are needed")
        if wait_s := self._of_name.take(f"{name} {group_address(address)}"):
            return _slow_down(wait_s)
        if self._waiting >= MOST_WAITING:
            return GrantAnswer(503, {"error": "temporarily_unavailable"}, 5.0)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            wait_s, account = await loop.run_in_executor(self._pool, self._check, name, password, address, kind)
        finally:
            self._waiting -= 1
        if wait_s:
            return _slow_down(wait_s)
        if account is None:
            logger.info("a login was refused", extra={"address": address})
            is_client = kind is Kind.CLIENT
            wrong = _refuse("invalid_grant", "name or password is wrong")
            return GrantAnswer(401, {"error": "invalid_client"}) if is_client else wrong
        logger.info("a login was accepted", extra={"person": account.name, "address": address})
        family = None if kind is Kind.CLIENT else (uuid.uuid4().hex, self._clock())
        return await asyncio.to_thread(self._grant, account, family)

    def _check(self, name: str, password: str, address: str, kind: Kind) -> tuple[float, Account | None]:
        """Return the seconds to wait before a login may be tried, and the account if the password is right, else None.

        Blocking. Does the same work whether there is such an account or not.
        """
        if wait_s := self._guard.reserve(name, address):
            return wait_s, None
        account = self._accounts.find(name)
        proof = account.proof if account is not None and account.kind is kind else ""
        right = self._passwords.is_right(password, proof)
        if account is None or not right or account.disabled:
            return 0.0, None
        self._guard.confirm(name, address)
        return 0.0, account

    async def _refresh(self, token: str) -> GrantAnswer:
        """Answer the refresh grant; a used, expired or unknown token, or one of a disabled account, is refused."""
        if not token or len(token) > LONGEST_NAME:
            return _refuse("invalid_request", "refresh_token is missing or too long")
        used = await asyncio.to_thread(self._refresh_tokens.use, hash_token(token), self._clock())
        account = await asyncio.to_thread(self._accounts.get, used.account) if used is not None else None
        if used is None or account is None or account.disabled or self._clock() >= used.begun + FAMILY_S:
            return _refuse("invalid_grant", "the refresh token cannot be used; log in again")
        return await asyncio.to_thread(self._grant, account, (used.family, used.begun))

    def _grant(self, account: Account, family: tuple[str, float] | None) -> GrantAnswer:
        """Return an access token for `account`, with a refresh token if a `family` (its id and begin) is given."""
        body: dict[str, Any] = {
            "access_token": self._issuer.issue(account),
            "token_type": "Bearer",
            "expires_in": int(TOKEN_S),
        }
        if family is not None:
            token = secrets.token_urlsafe(TOKEN_BYTES)
            name, begun = family
            expires = min(self._clock() + REFRESHES_S, begun + FAMILY_S)
            self._refresh_tokens.add(RefreshToken(hash_token(token), name, account.id, begun, expires))
            body["refresh_token"] = token
        return GrantAnswer(200, body)


def hash_token(token: str) -> str:
    """Return the hash by which a refresh token is stored; the token is random, so that it needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _refuse(error: str, description: str) -> GrantAnswer:
    """Return the answer with the status 400 and an error code of RFC 6749."""
    return GrantAnswer(400, {"error": error, "error_description": description})


def _slow_down(wait_s: float) -> GrantAnswer:
    """Return the answer to a request that came too soon."""
    body = {"error": "slow_down", "error_description": "too many tries; wait, or use a refresh token"}
    return GrantAnswer(429, body, wait_s)
