"""JSON that an endpoint sent, read leniently: what is missing, null or of another kind counts as nothing.

No function here raises, whatever it is given. Start at `text_of`.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TOKENS = 1_000_000_000  # on one bill; no model reads so many
MOST_DEPTH = 4  # of parts in parts
SAID = frozenset({"", "text", "output_text", "input_text", "text_delta"})  # kinds of parts that are the answer
EMPTY: Mapping[str, Any] = {}


def table_of(value: object) -> Mapping[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def rows_of(value: object) -> list[Any]:
    """Return `value` if it is a list, an object as a list of one, else an empty list."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def string_of(value: object) -> str:
    """Return `value` if it is a text, else ""."""
    return value if isinstance(value, str) else ""


def number_of(value: object, otherwise: int) -> int:
    """Return `value` if it is a whole number from 0, else `otherwise`."""
    usual = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if usual else otherwise  # type: ignore[return-value]


def count_of(figure: object) -> int:
    """Return a number of tokens as an endpoint tells it, inside what can be; 0 for what is none."""
    if isinstance(figure, bool) or not isinstance(figure, int | float):
        return 0
    if isinstance(figure, float) and not math.isfinite(figure):
        return 0
    return min(max(int(figure), 0), MOST_TOKENS)


def text_of(content: object, depth: int = MOST_DEPTH) -> str:
    """Return what is said in `content`: a text, a list of parts, or a part; what a part thinks is not said."""
    if isinstance(content, str):
        return content
    if depth and isinstance(content, list):
        return "".join(text_of(part, depth - 1) for part in content)
    if depth and isinstance(content, dict) and string_of(content.get("type")) in SAID:
        said = content.get("text")
        return text_of(said.get("value") if isinstance(said, dict) else said, depth - 1)
    return ""


def arguments_of(value: object) -> str:
    """Return a call's arguments as JSON, or as the piece of it that came."""
    if isinstance(value, dict):
        return json.dumps(value)
    return string_of(value)
