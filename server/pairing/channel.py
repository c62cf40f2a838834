"""The messages between an agent's process and a language server: JSON lines after both have proved who they are.

The server begins with a random challenge. The client answers it, with a challenge of its own and a proof; the server
proves itself too, and answers one request. The secret itself is never sent, and no proof is valid twice. Does no input
or output. Start at `make_proof`.
"""

from __future__ import annotations

import hmac
import json
import secrets
from typing import Any

CLIENT, SERVER = "client", "server"
LARGEST_REQUEST = 1 << 20
LARGEST_ANSWER = 1 << 26
"""Bytes of one message, with its line end."""


def make_challenge() -> str:
    """Return a new random challenge."""
    return secrets.token_hex(32)


def make_proof(secret: str, side: str, server_challenge: str, client_challenge: str) -> str:
    """Return the proof that `side` ("client" or "server") knows `secret`, for one pair of challenges."""
    text = f"{side}\n{server_challenge}\n{client_challenge}"
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


def is_proof(shown: object, expected: str) -> bool:
    """Return whether `shown` is the proof `expected`, compared in constant time."""
    return isinstance(shown, str) and hmac.compare_digest(shown.encode("utf-8", "replace"), expected.encode())


def encode(message: dict[str, Any]) -> bytes:
    """Return `message` as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Return the message of a line.

    Raises:
        ValueError: it is no JSON object, or not whole.
    """
    if not line.endswith(b"\n"):
        raise ValueError("the message is not whole")
    try:
        message = json.loads(line)
    except RecursionError:
        raise ValueError("the message is nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("the message is no object")  # noqa: TRY004 (the sender's fault, not the caller's)
    return message
