"""Passwords of persons and secrets of programs: their rules, and their argon2id hashes.

Needs the extra `accounts`. Blocking: a check takes some tens of milliseconds and 64 MB of memory, so that guesses are
slow; call it in a thread. Start at `Passwords`.
"""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12  # characters of a password
LONGEST_BYTES = 1024
SECRET_BYTES = 32


class Passwords:
    """The hash function for passwords, by default with the parameters of RFC 9106 for little memory."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """Store the `hasher`, and hash a random text with it, with which passwords of unknown names are compared."""
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(SECRET_BYTES))

    def hash(self, password: str) -> str:
        """Return the argon2id hash of `password`, with its salt and parameters."""
        return self._hasher.hash(password)

    def is_right(self, password: str, proof: str) -> bool:
        """Return whether `password` has the hash `proof`; False if `proof` is "", which takes the same time."""
        if len(password.encode("utf-8", "replace")) > LONGEST_BYTES:
            return False
        try:
            return self._hasher.verify(proof or self._nobody, password) and bool(proof)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False


def explain_weakness(password: str, name: str) -> str:
    """Return why a person must choose another password for the account `name`, a sentence; "" if it is good enough."""
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        return "The password has characters that cannot be stored; choose another one."
    if len(password) < SHORTEST:
        return f"The password has fewer than {SHORTEST} characters; choose a longer one."
    if size > LONGEST_BYTES:
        return f"The password has more than {LONGEST_BYTES:,} bytes; choose a shorter one."
    if len(set(password)) < 4 or name in password.lower():
        return "The password is easy to guess; choose another one."
    return ""


def generate_secret() -> str:
    """Return a new random secret for a program."""
    return secrets.token_urlsafe(SECRET_BYTES)
