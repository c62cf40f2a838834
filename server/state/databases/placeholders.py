"""Statements of the stores as psycopg takes them: `?` for a value becomes `%s`, and values get types that it knows.

Start at `translate` and `adapt`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from server.state.statements import make_storable

if TYPE_CHECKING:
    from collections.abc import Sequence

# texts in quotes, names in quotes and comments stay as they are, but for the percent sign
_PART = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\?|%""", re.DOTALL)


@lru_cache(maxsize=1024)
def translate(statement: str) -> str:
    """Return `statement` with `%s` for each question mark that stands for a value, and each percent sign doubled."""

    def replace(found: re.Match[str]) -> str:
        """Return a question mark as `%s`, and any other part with its percent signs doubled."""
        return "%s" if found[0] == "?" else found[0].replace("%", "%%")

    return _PART.sub(replace, statement)


def adapt(values: Sequence[object]) -> list[object]:
    """Return `values` as PostgreSQL stores them.

    Truth values become 0 or 1, members of enumerations their plain values, and in texts what PostgreSQL refuses is
    escaped.
    """
    return [_adapt_one(value) for value in values]


def _adapt_one(value: object) -> object:
    """Return one value as `adapt` does."""
    if isinstance(value, str):
        return make_storable(str.__str__(value))
    if isinstance(value, int):
        return int(value)
    return value
