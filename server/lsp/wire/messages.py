"""One message of JSON-RPC as it came: its kind, its identity, its parameters, before anybody asks what they mean.

Pure: bytes in, a record out. Strict where JSON is strict (no NaN, no infinity), so that whatever is sent back can be
JSON too. Knows no method. Start at `read`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

PARSE_ERROR, INVALID_REQUEST = -32700, -32600
VERSION = "2.0"
LARGEST_WHOLE = 2.0**53  # beyond it a float is no integer any more


class Malformed(Exception):  # noqa: N818 (it describes what came)
    """What came is no message of JSON-RPC 2.0.

    Attributes:
        code: JSON-RPC's.
        identity: of the request that it would be, None when unknown.
        silent: whether nobody waits for an answer.
    """

    def __init__(self, code: int, sentence: str, identity: int | str | None = None, *, silent: bool = False) -> None:
        super().__init__(sentence)
        self.code = code
        self.identity = identity
        self.silent = silent


@dataclass(frozen=True, slots=True)
class Message:
    """A request, a notification, or an answer to a request of ours.

    Attributes:
        method: "" for an answer.
        identity: None for a notification.
        data: all of it.
    """

    method: str
    identity: int | str | None
    data: dict[str, Any]

    @property
    def params(self) -> object:
        """The parameters, None for none."""
        return self.data.get("params")


def read(body: bytes) -> Message:
    """Return the message that a body holds.

    Raises:
        Malformed: it holds none.
    """
    data = _parsed(body)
    if not isinstance(data, dict):
        raise Malformed(INVALID_REQUEST, "this is not a single message of JSON-RPC 2.0 (LSP has no batches)")
    if "method" not in data:
        return _answer(data)
    identity = _identity(data.get("id"))
    if data.get("jsonrpc") != VERSION:
        raise Malformed(INVALID_REQUEST, 'a message needs "jsonrpc": "2.0"', identity)
    if not isinstance(data["method"], str) or not data["method"]:
        raise Malformed(INVALID_REQUEST, "a method is named by a string", identity)
    if identity is None and "id" in data:
        raise Malformed(INVALID_REQUEST, "the id of a request is a string or an integer")
    return Message(data["method"], identity, data)


def _answer(data: dict[str, Any]) -> Message:
    """Return an answer of the client, whatever version it names: who asked is still waiting."""
    identity = data.get("id")
    if "result" not in data and "error" not in data:
        raise Malformed(INVALID_REQUEST, "a message needs a method, a result or an error", _identity(identity))
    if not isinstance(identity, str):  # as ours are; also what answers an error of ours has none
        raise Malformed(INVALID_REQUEST, "an answer to a question that was not asked", silent=True)
    return Message("", identity, data)


def _parsed(body: bytes) -> object:
    try:
        return DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except RecursionError:
        raise Malformed(PARSE_ERROR, "not JSON that can be read: it is nested too deeply") from None
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number or a character is not JSON's"
        raise Malformed(PARSE_ERROR, f"not JSON: {reason}") from error


def _identity(value: object) -> int | str | None:
    """Return the identity of a request, None for what cannot be one; 1.0 is how some clients write 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_WHOLE:
        return int(value)
    return value if type(value) in (int, str) else None  # type: ignore[return-value]


def _finite(text: str) -> float:
    number = float(text)
    if math.isfinite(number):
        return number
    raise ValueError(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse)
