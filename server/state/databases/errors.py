"""Errors of PostgreSQL as sentences for a person, with the next step and without passwords. Start at `explain`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

LONGEST = 300
_ADVICE = {
    "53100": "its disk is full; free some space there and try again",
    "53300": "it has too many connections; raise `max_connections`, or end other programs",
    "55P03": "another Starling holds it for too long; try again",
    "40P01": "two transactions waited for each other; try again",
    "57014": "the statement was cancelled; try again",
    "25P03": "the transaction took too long and was ended; try again",
    "25006": "it only allows reading; name the primary server in `state.database`",
    "42501": "the user has too few rights; give it the right to create tables, or make it the owner of the database",
    "42P01": "the tables of Starling are missing; try again, and new ones are made",
}
_LOST = {"57P01", "57P02", "57P03", "08000", "08003", "08006", "08001", "08004", "08P01"}


def explain(error: psycopg.Error, place: str) -> str:
    """Return a sentence for a person about `error` of the database `place`, with advice."""
    code = error.sqlstate or ""
    if code in _ADVICE:
        return f"PostgreSQL ({place}): {_ADVICE[code]}."
    if code in _LOST or is_lost(error):
        return (
            f"PostgreSQL ({place}) cannot be reached ({_shorten(error)}); start it, or correct the settings of [state]."
        )
    return f"PostgreSQL ({place}) could not be used ({_shorten(error)}); correct that and try again."


def is_lost(error: psycopg.Error) -> bool:
    """Return whether the connection is lost, so that the same statement may succeed on another one."""
    import psycopg  # noqa: PLC0415 (an extra; whoever has such an error has it)

    return isinstance(error, psycopg.OperationalError) and (not error.sqlstate or error.sqlstate in _LOST)


def _shorten(error: psycopg.Error) -> str:
    """Return the first line of the message of `error`, without what libpq repeats before it."""
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return re.sub(r"^(connection failed: |connection to server .{0,300}? failed: )+", "", first)[:LONGEST].rstrip(".")
