"""Times as a person writes them. Start at `parse_deadline` and `parse_past`."""

from __future__ import annotations

import datetime as dt
import re

UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0}


def parse_deadline(text: str, now: float) -> float | None:
    """Return the time that a person wrote as "2h" from `now` or as an ISO date; None for "".

    Times are seconds since the epoch.

    Raises:
        ValueError: it is neither; the message is a sentence for a person.
    """
    return _parse(text, now, 1, "deadline")


def parse_past(text: str, now: float) -> float | None:
    """Return the time that a person wrote as "2h" before `now` or as an ISO date; None for "".

    Times are seconds since the epoch.

    Raises:
        ValueError: it is neither; the message is a sentence for a person.
    """
    return _parse(text, now, -1, "time")


def _parse(text: str, now: float, sign: int, what: str) -> float | None:
    """Return the time that `text` names, None for "". Raises ValueError if it names none."""
    if not text:
        return None
    if found := re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([mhd])", text):
        return now + sign * float(found[1]) * UNITS[found[2]]
    try:
        return dt.datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{text} is no {what}; write 30m, 2h, 3d or a time like 2030-01-31T12:00.") from error
