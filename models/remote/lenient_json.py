"""Lenient reading of JSON that an endpoint sent: missing values, null and values of another type count as empty.

No function here raises, for any argument. Start at `read_text`.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TOKENS = 1_000_000_000  # of one call; more than any model reads
MOST_DEPTH = 4  # of nested parts
# Types of parts that hold text of the answer, not thoughts.
ANSWER_PARTS = frozenset({"", "text", "output_text", "input_text", "text_delta"})
EMPTY: Mapping[str, Any] = {}


def read_object(value: object) -> Mapping[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def read_list(value: object) -> list[Any]:
    """Return `value` if it is a list, a list of `value` if it is an object, else an empty list."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def read_string(value: object) -> str:
    """Return `value` if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def read_number(value: object, otherwise: int) -> int:
    """Return `value` if it is a whole number from 0 to `MOST_TOKENS`, else `otherwise`."""
    is_valid = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if is_valid else otherwise  # type: ignore[return-value]


def read_count(figure: object) -> int:
    """Return `figure` without its fraction, limited to 0 to `MOST_TOKENS`; 0 for anything but a finite number."""
    if isinstance(figure, bool) or not isinstance(figure, int | float):
        return 0
    if isinstance(figure, float) and not math.isfinite(figure):
        return 0
    return min(max(int(figure), 0), MOST_TOKENS)


def read_text(content: object, depth: int = MOST_DEPTH) -> str:
    """Return the text in `content`, which may be a string, a part or a list of parts.

    Parts of other types, such as thoughts, and parts nested deeper than `depth` are left out.
    """
    if isinstance(content, str):
        return content
    if depth and isinstance(content, list):
        return "".join(read_text(part, depth - 1) for part in content)
    if depth and isinstance(content, dict) and read_string(content.get("type")) in ANSWER_PARTS:
        text = content.get("text")
        return read_text(text.get("value") if isinstance(text, dict) else text, depth - 1)
    return ""


def read_arguments(value: object) -> str:
    """Return a tool call's arguments as JSON text: an object serialized, a string unchanged, else ""."""
    if isinstance(value, dict):
        return json.dumps(value)
    return read_string(value)
