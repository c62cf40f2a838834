"""Parsing of one JSON-RPC message: its kind, id and raw parameters.

Does no input or output and knows no method. NaN and infinity are refused, for they are no JSON and could not be sent
back. Start at `read`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

PARSE_ERROR, INVALID_REQUEST = -32700, -32600
VERSION = "2.0"
LARGEST_WHOLE = 2.0**53  # larger floats are not exact integers


class Malformed(Exception):  # noqa: N818 (it describes what came)
    """A body is not a message of JSON-RPC 2.0.

    Attributes:
        code: JSON-RPC's error code.
        identity: the id of the malformed request, None if unknown.
        silent: whether the sender expects no answer.
    """

    def __init__(self, code: int, sentence: str, identity: int | str | None = None, *, silent: bool = False) -> None:
        super().__init__(sentence)
        self.code = code
        self.identity = identity
        self.silent = silent


@dataclass(frozen=True, slots=True)
class Message:
    """A request, a notification, or the client's answer to a request of the server.

    Attributes:
        method: the method's name, "" for an answer.
        identity: the message's id, None for a notification.
        data: the whole JSON object.
    """

    method: str
    identity: int | str | None
    data: dict[str, Any]

    @property
    def params(self) -> object:
        """The raw parameters, None if there are none."""
        return self.data.get("params")


def read(body: bytes) -> Message:
    """Return the message in `body`.

    Raises:
        Malformed: the body is not a message of JSON-RPC 2.0.
    """
    data = _decode_json(body)
    if not isinstance(data, dict):
        raise Malformed(INVALID_REQUEST, "this is not a single message of JSON-RPC 2.0 (LSP has no batches)")
    if "method" not in data:
        return _read_answer(data)
    identity = _read_identity(data.get("id"))
    if data.get("jsonrpc") != VERSION:
        raise Malformed(INVALID_REQUEST, 'a message needs "jsonrpc": "2.0"', identity)
    if not isinstance(data["method"], str) or not data["method"]:
        raise Malformed(INVALID_REQUEST, "a method is named by a string", identity)
    if identity is None and "id" in data:
        raise Malformed(INVALID_REQUEST, "the id of a request is a string or an integer")
    return Message(data["method"], identity, data)


def _read_answer(data: dict[str, Any]) -> Message:
    """Return the client's answer in `data`, without checking its `jsonrpc`. Raises Malformed."""
    identity = data.get("id")
    if "result" not in data and "error" not in data:
        raise Malformed(INVALID_REQUEST, "a message needs a method, a result or an error", _read_identity(identity))
    if not isinstance(identity, str):  # the server's ids are strings; answers to its error messages have none
        raise Malformed(INVALID_REQUEST, "an answer to a question that was not asked", silent=True)
    return Message("", identity, data)


def _decode_json(body: bytes) -> object:
    """Return `body` as JSON. Raises Malformed."""
    try:
        return DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except RecursionError:
        raise Malformed(PARSE_ERROR, "not JSON that can be read: it is nested too deeply") from None
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number or a character is not JSON's"
        raise Malformed(PARSE_ERROR, f"not JSON: {reason}") from error


def _read_identity(value: object) -> int | str | None:
    """Return `value` as a request's id, None if it cannot be one; some clients write 1.0 for 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_WHOLE:
        return int(value)
    return value if type(value) in (int, str) else None  # type: ignore[return-value]


def _parse_finite(text: str) -> float:
    """Return the number in `text`. Raises ValueError for one that is too large for a float."""
    number = float(text)
    if math.isfinite(number):
        return number
    raise ValueError(text)


def _refuse_constant(text: str) -> NoReturn:
    """Raise ValueError for NaN or an infinity, which JSON does not have."""
    raise ValueError(text)


DECODER = json.JSONDecoder(parse_float=_parse_finite, parse_constant=_refuse_constant)
