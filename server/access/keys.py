"""The keys that sign access tokens: made when needed, replaced after a month, published as a JWKS.

An old key stays published until the last token that it signed has expired. All servers that share a state database
share the keys. Needs the extra `accounts`; blocking. Start at `KeyRing`.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from server.access.records import SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.access.records import SigningKeys

ALGORITHM = "RS256"
KEY_BITS = 2048
SIGNS_S = 30 * 24 * 3600.0  # that a key signs
TOKEN_S = 15 * 60.0  # lifetime of an access token
VERIFIES_S = TOKEN_S + 300.0  # that a key is published after the next one took its place
REREAD_S = 2.0  # at most one look at the database for an unknown key in this time


class KeyRing:
    """The keys of one server, read from the state; for any thread."""

    def __init__(self, store: SigningKeys, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: tuple[SigningKey, ...] = ()
        self._private: dict[str, rsa.RSAPrivateKey] = {}
        self._read_at = float("-inf")

    def get_signing_key(self) -> tuple[str, rsa.RSAPrivateKey]:
        """Return id and private key of the current key; make a new one if there is none or it is too old.

        Raises:
            StateError: the keys cannot be read or written.
        """
        with self._lock:
            self._reread()
            current = next((key for key in self._keys if not key.ended), None)
            if current is None or self._clock() - current.created >= SIGNS_S:
                current = self._replace(current)
            return current.id, self._private[current.id]

    def roll(self) -> str:
        """Make a new current key, and return its id; tokens of the old key stay valid until they expire.

        Raises:
            StateError: the keys cannot be read or written.
        """
        with self._lock:
            self._reread()
            return self._replace(next((key for key in self._keys if not key.ended), None)).id

    def find_public_key(self, identity: str) -> rsa.RSAPublicKey | None:
        """Return the public key with the id `identity`, None if there is none or its tokens have all expired.

        Raises:
            StateError: the keys cannot be read.
        """
        with self._lock:
            if not self._is_valid(identity) and self._clock() - self._read_at >= REREAD_S:
                self._reread()
            return self._private[identity].public_key() if self._is_valid(identity) else None

    def list_public_keys(self) -> dict[str, Any]:
        """Return the JWKS: all public keys whose tokens may be valid, the current one first.

        Raises:
            StateError: the keys cannot be read.
        """
        self.get_signing_key()
        with self._lock:
            valid = [key.id for key in self._keys if self._is_valid(key.id)]
            return {"keys": [_describe(name, self._private[name].public_key()) for name in valid]}

    def _is_valid(self, identity: str) -> bool:
        """Return whether the key with the id `identity` is known, and the current one or ended a short time ago."""
        found = next((key for key in self._keys if key.id == identity), None)
        return found is not None and (not found.ended or self._clock() < found.ended + VERIFIES_S)

    def _replace(self, current: SigningKey | None) -> SigningKey:
        """Store and return a new key in place of `current`, or the key that another server has stored meanwhile."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        now = self._clock()
        made = SigningKey(uuid.uuid4().hex, pem.decode(), now, 0.0)
        self._store.add(made, replaces=current.id if current is not None else "", now=now)
        self._store.remove_ended(now - VERIFIES_S)
        self._reread()
        return next(key for key in self._keys if not key.ended)

    def _reread(self) -> None:
        """Read the keys from the state; parse those that are new."""
        self._keys = self._store.list_all()
        self._read_at = self._clock()
        known = {key.id for key in self._keys}
        self._private = {name: key for name, key in self._private.items() if name in known}
        for key in self._keys:
            if key.id not in self._private:
                self._private[key.id] = _parse(key.private_pem)


def _parse(pem: str) -> rsa.RSAPrivateKey:
    """Return the private key in `pem`. Raises ValueError if it is no RSA key."""
    parsed = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(parsed, rsa.RSAPrivateKey):
        raise ValueError("a signing key of the state database is no RSA key")  # noqa: TRY004 (the value, not our call)
    return parsed


def _describe(identity: str, key: rsa.RSAPublicKey) -> dict[str, Any]:
    """Return the public `key` as an entry of a JWKS."""
    described = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": identity, "n": described["n"], "e": described["e"]}
